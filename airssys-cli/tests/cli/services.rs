//! The right `use`, and the tables of services.

use crate::support::*;

const MANIFEST: &str = "[component]\nname = \"cart\"\nversion = \"0.1.0\"\n\n[capabilities]\n\
                        use = [\"wasi/sessions:read\"]\n";

/// An app whose only component asks for the use of a service and is granted a whole resource.
fn cart(folder: &Folder, more: &str) -> String {
    folder.write("cart.toml", MANIFEST);
    let source = path("components/test-probe");
    folder.write(
        "app.toml",
        format!(
            "[app]\nname = \"shop\"\n\n[[component]]\nsource = {source:?}\nmanifest = \"cart.toml\"\n\n\
             [grants.cart]\nuse = [\"wasi/sessions\"]\n{more}"
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
    airssys(["explain", &app, "cart", "use", "wasi/sessions:read"])
        .run()
        .exits(3)
        .says(&["this program has no service `keyvalue`"]);
}

#[test]
fn right_to_use_an_unknown_service_is_a_mistake_in_both_manifests() {
    let folder = Folder::new();
    let app = cart(&folder, "");
    for file in ["cart.toml", "app.toml"] {
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap().replace("wasi/", "wsai/");
        folder.write(file, text);
    }
    airssys(["check", &app]).run().exits(3).says(&[
        "`use` names `wsai/sessions:read`, and this program has no service `wsai`",
        "cart.toml:6:8",
        "`use` names `wsai/sessions`",
        "app.toml:9:8",
        "did you mean `wasi/sessions`?",
    ]);
}

#[test]
fn explain_knows_the_right_to_use_a_service() {
    let folder = Folder::new();
    let app = cart(&folder, "");
    airssys(["explain", &app, "cart", "use", "wasi/sessions:read"]).run().exits(0).prints(&[
        "yes: cart may use wasi/sessions:read",
        "has, under [capabilities]: use = [\"wasi/sessions:read\"]",
        "has, under [grants.cart]: use = [\"wasi/sessions\"]",
    ]);
    airssys(["explain", &app, "cart", "use", "wasi/sessions:write"]).run().exits(0).prints(&[
        "no: cart may not use wasi/sessions:write",
        "lacks, under [capabilities]: use = [\"wasi/sessions:write\"]",
        "has, under [grants.cart]: use = [\"wasi/sessions\"]",
    ]);
    airssys(["explain", &app, "cart", "use", "wasi:"]).run().exits(2).says(&["`wasi:`"]);
}

#[test]
fn use_of_a_service_is_revoked_and_given_back_in_a_running_app() {
    let folder = Folder::new();
    let app = cart(&folder, "");
    let socket = folder.path().join("control.sock").to_str().unwrap().to_owned();
    let mut running = airssys(["run", "-v", &app, "--control", &socket]).start();
    running.until_it_says("every component has started");
    let ask = |args: &[&str]| airssys(args).arg("--control").arg(&socket).run();
    let change = |verb| ask(&["grants", verb, "cart", "use", "wasi/sessions:read"]);
    change("revoke").exits(0).prints(&["cart lost use = [\"wasi/sessions:read\"]"]);
    change("give").exits(0).prints(&["is granted use = [\"wasi/sessions:read\"]"]);
    ask(&["grants", "list"]).exits(0).prints(&["use", "wasi/sessions:read"]);
    ask(&["grants", "give", "cart", "use", "wasi/carts:read"])
        .exits(1)
        .says(&["does not ask for use = [\"wasi/carts:read\"]"]);
    running.interrupt();
    running.end().exits(130);
}
