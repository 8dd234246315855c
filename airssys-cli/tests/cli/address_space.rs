//! Machines on which little address space can be reserved.

use crate::support::*;

#[test]
fn app_runs_without_a_pool_where_address_space_is_small() {
    let app = path("examples/quakes/app.toml");
    let ended = airssys(["run", "--json", "--no-control", &app]).with_address_space(3 << 20).run().exits(0);
    let said = "the address space for a pool of 70 instances cannot be reserved";
    assert_eq!(ended.stderr.matches(said).count(), 1, "{ended}");
    crate::quakes::is_the_week(&ended.json());
    airssys(["check", &app]).with_address_space(3 << 20).run().exits(0).prints(&["quake-parse: fits"]);
}
