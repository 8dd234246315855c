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
    let app = cart(&folder, "\n[service.mail]\nbackend = \"memory\"\n\n[grants.card]\nsend = []\n");
    for command in ["check", "run"] {
        airssys([command, &app]).run().exits(3).says(&[
            "this program has no service `mail`",
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
        .says(&["this program has no service `mail`"]);
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

#[test]
fn every_mistake_in_the_runtime_configuration_is_reported_with_its_place() {
    let folder = Folder::new();
    let app = cart(&folder, "");
    folder.write(
        "runtime.toml",
        "[backend.main]\ntype = \"memory\"\nsize = 1\n\n[keyvalue]\nsessions = \"main\"\nusers = \"mian\"\n",
    );
    let secret = folder.write("secret.toml", "[backend.other]\ntype = \"oracle\"\npassword = \"hunter2\"\n");
    for command in ["check", "run"] {
        let ran = airssys([command, &app, "--config", "mail.orders = \"main\"", "--config", &secret]).run();
        let ran = ran.exits(3).says(&[
            "this program has no service `mail` with labels",
            "this program has no backend of the type `oracle`",
            "secret.toml:2:8",
            "[backend.main] has no key `size`",
            "runtime.toml:3:1",
            "no component may use `keyvalue/sessions`",
            "there is no [backend.mian]",
            "runtime.toml:7:9",
        ]);
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
    airssys(["check", &path("components/test-probe"), "--connect"]).run().exits(2).says(&["are for an app"]);
}

#[test]
fn check_asks_the_backends_that_components_may_use_and_makes_no_files() {
    let folder = Folder::new();
    let app = cart(&folder, "");
    folder.write("runtime.toml", "[backend.cache]\ntype = \"memory\"\n");
    let check = airssys(["check", &app, "--connect"]).run().exits(0);
    let check = check.prints(&["backend cache (memory): in memory"]);
    // Without a right, no label reaches the embedded defaults.
    assert!(!check.stdout.contains("redb"), "{}", check.stdout);

    for file in ["cart.toml", "app.toml"] {
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        folder.write(file, text.replace("\"wasi/sessions", "\"keyvalue/sessions:read\", \"wasi/sessions"));
    }
    let check = airssys(["check", &app, "--connect"]).run().exits(0);
    let check = check.prints(&["backend cache (memory): in memory", "backend redb (redb): redb 4"]);
    assert!(!check.stdout.contains("folder"), "{}", check.stdout);
    assert!(!folder.path().join(".airssys").exists(), "a check makes no files");
    folder.write("file", "");
    airssys([
        "check",
        &app,
        "--connect",
        "--config",
        "backend.redb = { type = \"redb\", path = \"file/x\" }",
    ])
    .within(folder.path())
    .run()
    .exits(1)
    .prints(&["backend redb (redb): the backend `redb` is unavailable"])
    .says(&["a backend does not answer"]);
}

#[test]
fn backends_on_one_file_are_a_mistake() {
    let folder = Folder::new();
    let app = cart(&folder, "");
    folder.write(
        "runtime.toml",
        "[backend.one]\ntype = \"redb\"\npath = \"data\"\n\n[backend.two]\ntype = \"redb\"\npath = \"./x/../data\"\n",
    );
    airssys(["check", &app]).run().exits(3).says(&[
        "the backend `two` uses ",
        "data, as `one` does",
        "runtime.toml:6:8",
        "give each of them a path of its own",
    ]);
}

#[test]
fn sources_of_the_runtime_configuration_prevail_in_their_order() {
    let folder = Folder::new();
    let app = cart(&folder, "");
    let kind = |name: &str| format!("[backend.main]\ntype = \"{name}\"\n");
    // Each source names a type of its own that does not exist, so that the report names the source.
    let check = |options: &[&str], variable: Option<&str>| {
        let mut program = airssys(["check", &app]);
        program = options.iter().fold(program, |program, option| program.arg(option));
        program = program.env("XDG_CONFIG_HOME", folder.path().to_str().unwrap());
        if let Some(variable) = variable {
            program = program.env("AIRSSYS_RUNTIME", variable);
        }
        program.run()
    };
    std::fs::create_dir(folder.path().join("airssys")).unwrap();
    folder.write("airssys/runtime.toml", kind("user"));
    check(&[], None).exits(3).says(&["no backend of the type `user`"]);
    folder.write("runtime.toml", kind("project"));
    check(&[], None).exits(3).says(&["no backend of the type `project`"]);
    let file = folder.write("option.toml", kind("file"));
    check(&["--config", &file], None).exits(3).says(&["no backend of the type `file`"]);
    let variable = folder.write("variable.toml", kind("variable"));
    check(&["--config", &file], Some(&variable)).exits(3).says(&["no backend of the type `variable`"]);
    let line = "backend.main.type = \"line\"";
    let options = ["--config", line, "--config", &file];
    check(&options, Some(&variable)).exits(3).says(&["no backend of the type `line`", "--config"]);
    let options = ["--config", line, "--config", "backend.main.type = \"last\""];
    check(&options, None).exits(3).says(&["no backend of the type `last`"]);
    check(&["--config", "/none.toml"], None).exits(3).says(&["/none.toml", "cannot be read"]);
}
