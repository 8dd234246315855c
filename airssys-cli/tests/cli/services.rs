//! The right `use`, and the tables of services.

use crate::support::*;

const MANIFEST: &str = "[component]\nname = \"cart\"\nversion = \"0.1.0\"\n\n[capabilities]\n\
                        use = [\"keyvalue/sessions:read\"]\n";

/// An app whose only component asks for the use of a service and is granted a whole resource.
fn cart(folder: &Folder, more: &str) -> String {
    folder.write("cart.toml", MANIFEST);
    let source = path("components/test-probe");
    folder.write(
        "app.toml",
        format!(
            "[app]\nname = \"shop\"\n\n[[component]]\nsource = {source:?}\nmanifest = \"cart.toml\"\n\n\
             [grants.cart]\nuse = [\"keyvalue/sessions\"]\n{more}"
        ),
    )
}

#[test]
fn table_of_an_unknown_service_is_reported_with_all_other_mistakes() {
    let folder = Folder::new();
    let app = cart(&folder, "\n[service.keyvalue]\nbackend = \"memory\"\n\n[grants.card]\nsend = []\n");
    for command in ["check", "run"] {
        airssys([command, &app]).run().exits(3).says(&[
            "this program has no service `keyvalue`",
            "app.toml:11:1",
            "the services are",
            "[grants.card] is for a component that the app does not have",
            "app.toml:14:9",
            "error: 2 mistakes in the manifests",
        ]);
    }
    airssys(["explain", &app, "cart", "use", "keyvalue/sessions:read"])
        .run()
        .exits(3)
        .says(&["this program has no service `keyvalue`"]);
}

#[test]
fn explain_knows_the_right_to_use_a_service() {
    let folder = Folder::new();
    let app = cart(&folder, "");
    airssys(["explain", &app, "cart", "use", "keyvalue/sessions:read"]).run().exits(0).prints(&[
        "yes: cart may use keyvalue/sessions:read",
        "has, under [capabilities]: use = [\"keyvalue/sessions:read\"]",
        "has, under [grants.cart]: use = [\"keyvalue/sessions\"]",
    ]);
    airssys(["explain", &app, "cart", "use", "keyvalue/sessions:write"]).run().exits(0).prints(&[
        "no: cart may not use keyvalue/sessions:write",
        "lacks, under [capabilities]: use = [\"keyvalue/sessions:write\"]",
        "has, under [grants.cart]: use = [\"keyvalue/sessions\"]",
    ]);
    airssys(["explain", &app, "cart", "use", "keyvalue:"]).run().exits(2).says(&["`keyvalue:`"]);
}

#[test]
fn use_of_a_service_is_revoked_and_given_back_in_a_running_app() {
    let folder = Folder::new();
    let app = cart(&folder, "");
    let socket = folder.path().join("control.sock").to_str().unwrap().to_owned();
    let mut running = airssys(["run", "-v", &app, "--control", &socket]).start();
    running.until_it_says("the control socket is open");
    let ask = |args: &[&str]| airssys(args).arg("--control").arg(&socket).run();
    let change = |verb| ask(&["grants", verb, "cart", "use", "keyvalue/sessions:read"]);
    change("revoke").exits(0).prints(&["cart lost use = [\"keyvalue/sessions:read\"]"]);
    change("give").exits(0).prints(&["is granted use = [\"keyvalue/sessions:read\"]"]);
    ask(&["grants", "list"]).exits(0).prints(&["use", "keyvalue/sessions:read"]);
    ask(&["grants", "give", "cart", "use", "keyvalue/carts:read"])
        .exits(1)
        .says(&["does not ask for use = [\"keyvalue/carts:read\"]"]);
    running.interrupt();
    running.end().exits(130);
}
