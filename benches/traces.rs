//! Costs of messages that belong to a trace, without an exporter and with one.

use airssys_benches::compare::{Comparison, lazy};
use airssys_benches::{Bed, MOST, criterion};

#[cfg(feature = "others")]
#[path = "traces/exporter.rs"]
mod exporter;

fn main() {
    #[cfg(feature = "others")]
    if exporter::is_set_up() {
        return exporter::measure();
    }
    let mut criterion = criterion();
    let mut group = criterion.benchmark_group("traces");
    let mut comparison = Comparison { group: &mut group, name: "traces", most: MOST };
    let bare = lazy(|| Bed::pair().untraced());
    comparison.bench("not_carried", &bare, None);
    comparison.bench("carried", &lazy(Bed::pair), Some(("not_carried", &bare)));
    group.finish();
    criterion.final_summary();
    #[cfg(feature = "others")]
    exporter::run_again();
    #[cfg(not(feature = "others"))]
    println!("traces/sampled_1_percent: an exporter is missing; add --features others");
}
