//! Commands that inspect and change a running app.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::*;

const OPEN: &str = "every component has started";

/// An app of one component that only waits for messages.
fn idle(folder: &Folder, name: &str) -> String {
    let source = path("components/test-probe");
    folder.write("app.toml", format!("[app]\nname = \"{name}\"\n[[component]]\nsource = {source:?}\n"))
}

/// The program with its control sockets in this folder.
fn within(folder: &Folder, args: &[&str]) -> Program {
    airssys(args).env("XDG_RUNTIME_DIR", folder.path().to_str().unwrap())
}

fn run(folder: &Folder, app: &str, more: &[&str]) -> Running {
    let mut running = within(folder, &[&["run", "-v", app], more].concat()).start();
    running.until_it_says(OPEN);
    running
}

/// A line for quake-feed: a major earthquake at this place.
fn quake(place: &str) -> String {
    format!(
        "{{\"type\":\"Feature\",\"properties\":{{\"mag\":7.5,\"place\":\"{place}\",\"time\":1517933877980}},\
         \"geometry\":{{\"type\":\"Point\",\"coordinates\":[121.6,23.9,10]}},\"id\":\"{place}\"}}\n"
    )
}

#[test]
fn revoked_grant_is_explained_and_given_back_and_its_letter_retried() {
    let folder = Folder::new();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let feed = "restart = \"temporary\"";
    let app = folder.quakes(&[
        ("until = \"quake-feed\"\n", ""),
        (feed, "restart = \"temporary\"\nconfig = { batch = 1 }"),
    ]);
    let mut running = within(&folder, &["run", "-v", &app, "--input", pipe.to_str().unwrap()]).start();
    let mut input = File::options().write(true).open(&pipe).unwrap();
    let mut shake = |place: &str| input.write_all(quake(place).as_bytes()).unwrap();
    let ask = |args: &[&str]| within(&folder, args).run();
    running.until_it_says(OPEN);
    shake("first place");
    running.until_it_says(": first place");

    let publish = ["quake-classify", "publish", "quakes.*"];
    let change = |verb| ask(&[&["grants", verb], &publish[..]].concat());
    change("revoke").exits(0).prints(&["quake-classify lost publish = [\"quakes.*\"]"]);
    running.until_it_says("a grant was revoked");
    shake("second place");
    running.until_it_says("`quake-classify` may not publish on `quakes.major.");
    running.until_it_says("publish = [\"quakes.*\"] was revoked while the app runs");
    // The log of the dead letter shows that it can be listed.
    running.until_it_says("airssys::dead_letter");

    let grants = ask(&["grants", "list", "quake-classify", "--json"]).exits(0).json();
    let kinds = grants[0]["grants"].as_array().unwrap();
    let publishing = kinds.iter().find(|kind| kind["capability"] == "publish").unwrap();
    assert_eq!(
        (publishing["asked"][0].as_str(), &publishing["granted"]),
        (Some("quakes.*"), &serde_json::json!([]))
    );
    let explained = ask(&["explain"]).exits(0);
    let explained = explained.prints(&[
        "quake-classify",
        "airssys grants give quake-classify publish 'quakes.*' (it was revoked)",
    ]);
    assert!(!explained.stdout.contains("quake-feed"), "{explained}");
    ask(&["explain", "--of", "quake-feed"]).exits(0).prints(&["nothing was denied"]);

    let letters = ask(&["dead-letters", "list", "--json"]).exits(0).json();
    let letter = &letters["letters"][0];
    assert_eq!(
        (letter["receiver"].as_str(), letter["sender"].as_str()),
        (Some("quake-classify"), Some("quake-parse"))
    );
    let id = letter["id"].to_string();
    ask(&["dead-letters", "show", &id]).exits(0).prints(&["\"second place\"", "quake-classify", "cbor"]);
    ask(&["dead-letters", "list", "--for", "quake-parse"]).exits(0).prints(&["0 shown of 0 kept"]);

    ask(&["grants", "give", "quake-classify", "publish", "other.*"])
        .exits(1)
        .says(&["error: publish = [\"other.*\"] of `quake-classify` is not given"]);
    change("give").exits(0).prints(&["is granted publish = [\"quakes.*\"]"]);
    ask(&["dead-letters", "retry", &id]).exits(0).prints(&["retried 1 dead letter"]);
    running.until_it_says(": second place");
    shake("third place");
    running.until_it_says(": third place");
    ask(&["dead-letters", "retry", &id]).exits(1).says(&["the dead letter is not kept"]);
    ask(&["grants", "list"]).exits(0).prints(&["run time", "app.toml", "quake-alerts"]);
    ask(&["grants", "give", "quake-feed", "request", "quake-parse"])
        .exits(1)
        .says(&["does not ask for request = [\"quake-parse\"]"]);
    // The feed ends without delay once its input is closed.
    drop(input);
    running.interrupt();
    running.end().exits(130);
    ask(&["grants", "list"]).exits(1).says(&["no app is running"]);
}

#[test]
fn a_revoked_subscription_ends_and_comes_back() {
    let folder = Folder::new();
    let app = folder.quakes(&[("until = \"quake-feed\"\n", "")]);
    let mut running = run(&folder, &app, &[]);
    let change = |verb| within(&folder, &["grants", verb, "quake-stats", "subscribe", "quakes.*"]).run();
    change("revoke").exits(0).prints(&["ended subscriptions: quakes.*"]);
    change("revoke").exits(0).prints(&["nothing changed"]);
    change("give").exits(0).prints(&["restored subscriptions: quakes.*"]);
    change("give").exits(0).prints(&["nothing changed"]);
    running.until_it_says("a grant was given");
}

#[test]
fn a_second_run_has_a_socket_of_its_own_and_a_dead_one_is_replaced() {
    let folder = Folder::new();
    let app = idle(&folder, "alone");
    let ask = |args: &[&str]| within(&folder, args).run();
    ask(&["grants", "list"]).exits(1).says(&["no app is running"]);
    let first = run(&folder, &app, &[]);
    ask(&["grants", "list"]).exits(0).prints(&["test-probe"]);
    let mut second = run(&folder, &app, &[]);
    second.until_it_says("another run of `alone` is active; reach this one with `--app alone.2`");
    ask(&["grants", "list"]).exits(2).says(&["several apps are running: alone, alone.2", "`--app alone`"]);
    ask(&["grants", "list", "--app", "alone"]).exits(0);
    ask(&["grants", "--app", "alone.2", "list"]).exits(0);
    ask(&["grants", "list", "--app", "other"])
        .exits(1)
        .says(&["no running app has the name `other`", "alone.2"]);

    // A killed run leaves its socket behind.
    drop(first);
    let socket = folder.path().join("airssys/alone.sock");
    assert!(socket.exists());
    assert_eq!(std::fs::metadata(folder.path().join("airssys")).unwrap().permissions().mode() & 0o777, 0o700);
    ask(&["grants", "list"]).exits(0);
    ask(&["grants", "list", "--app", "alone"]).exits(1).says(&["no running app has the name `alone`"]);
    let third = run(&folder, &app, &[]);
    ask(&["grants", "list", "--app", "alone"]).exits(0);
    third.interrupt();
    third.end().exits(130);
    assert!(!socket.exists());
}

#[test]
fn control_socket_can_be_moved_or_switched_off() {
    let folder = Folder::new();
    let app = idle(&folder, "alone");
    let socket = folder.path().join("here.sock");
    let socket = socket.to_str().unwrap();
    let running = run(&folder, &app, &["--control", socket]);
    within(&folder, &["grants", "list", "--control", socket]).run().exits(0).prints(&["test-probe"]);
    within(&folder, &["grants", "list"]).run().exits(1).says(&["no app is running"]);
    within(&folder, &["run", &app, "--control", socket])
        .run()
        .exits(1)
        .says(&["another run has the control socket"]);
    running.interrupt();
    running.end().exits(130);
    within(&folder, &["grants", "list", "--control", socket]).run().exits(1).says(&["no app answers"]);

    let precious = folder.write("precious.txt", "precious");
    within(&folder, &["run", &app, "--control", &precious]).run().exits(1).says(&["is not a socket"]);
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");

    let mut running = within(&folder, &["run", "-v", &app, "--no-control"]).start();
    running.until_it_says("the control socket is off because of --no-control");
    within(&folder, &["grants", "list"]).run().exits(1).says(&["no app is running"]);
    within(&folder, &["run", &app, "--no-control", "--control", socket]).run().exits(2);
}

#[test]
fn socket_folder_open_to_others_is_not_used() {
    let folder = Folder::new();
    let app = idle(&folder, "alone");
    let sockets = folder.path().join("airssys");
    std::fs::create_dir(&sockets).unwrap();
    std::fs::set_permissions(&sockets, PermissionsExt::from_mode(0o755)).unwrap();
    let mut running = within(&folder, &["run", &app]).start();
    running.until_it_says("the run has no control socket");
    within(&folder, &["grants", "list"]).run().exits(1).says(&["open to other users"]);
    assert_eq!(std::fs::read_dir(&sockets).unwrap().count(), 0);
}

#[test]
fn explain_reads_manifests_without_a_running_app() {
    let folder = Folder::new();
    let app =
        folder.quakes(&[("send = [\"quake-classify\"]", "send = [\"quake-classify\", \"quake-stats\"]")]);
    let explain = |args: &[&str]| within(&folder, &[&["explain", &app], args].concat()).run();
    explain(&["quake-feed", "send", "quake-parse"]).exits(0).prints(&[
        "yes: quake-feed may send to quake-parse",
        "Component.toml has, under [capabilities]: send = [\"quake-parse\"]",
        "app.toml has, under [grants.quake-feed]: send = [\"quake-parse\"]",
    ]);
    explain(&["quake-classify", "publish", "quakes.major.asia"])
        .exits(0)
        .prints(&["yes", "publish = [\"quakes.*\"]"]);
    explain(&["quake-feed", "send", "quake-stats"]).exits(0).prints(&[
        "no: quake-feed may not send to quake-stats",
        "Component.toml lacks, under [capabilities]: send = [\"quake-stats\"]",
        "app.toml lacks, under [grants.quake-feed]: send = [\"quake-stats\"]",
    ]);
    // A grant that Component.toml does not ask for is not in force.
    let found = explain(&["quake-parse", "send", "quake-stats", "--json"]).exits(0).json();
    assert_eq!(found["allowed"], false);
    assert_eq!((&found["lines"][0]["present"], &found["lines"][1]["present"]), (&false.into(), &true.into()));
    explain(&["quake-feed", "send", "quake-feed"]).exits(0).prints(&["yes", "always send to itself"]);
    explain(&["quake-feed", "send", "nobody"])
        .exits(0)
        .prints(&["no", "the app has no component or instance `nobody`"]);
    explain(&["nobody", "send", "quake-feed"]).exits(2).says(&["the app has no component `nobody`"]);
    explain(&["quake-feed", "send", "No Name"]).exits(2);
    explain(&["quake-feed", "send"]).exits(2);
}

#[test]
fn retained_messages_are_listed_and_cleared() {
    let folder = Folder::new();
    let manifest = std::fs::read_to_string(path("examples/patterns/app.toml")).unwrap();
    let beside = format!("manifest = \"{}/", path("examples/patterns"));
    let manifest = manifest
        .replace("until = \"customer\"\n", "")
        .replace("report = \"ledger\"\n", "")
        .replace("\"../../components", &format!("\"{}", path("components")))
        .replace("manifest = \"", &beside);
    let app = folder.write("app.toml", manifest);
    let _running = run(&folder, &app, &[]);
    let ask = |args: &[&str]| within(&folder, args).run();
    let list = || ask(&["retained", "list", "--json"]).exits(0).json();
    while list()["matching"] == 0 {}
    let message = &list()["messages"][0];
    assert_eq!((&message["topic"], &message["sender"]), (&"prices.apples".into(), &"customer".into()));
    ask(&["retained", "list"]).exits(0).prints(&[
        "Retained messages",
        "prices.apples",
        "cbor",
        "1 shown of 1",
    ]);
    ask(&["retained", "list", "stock.*"]).exits(0).prints(&["0 shown of 0"]);
    let shown = ask(&["retained", "show", "prices.apples"]).exits(0);
    let body = shown.stdout.split("\n\n").nth(1).unwrap_or_else(|| panic!("{shown}")).trim().to_owned();
    let shown = shown.prints(&["topic     prices.apples", "from      customer", "body      text"]);
    assert!(!body.is_empty(), "{shown}");
    let json = ask(&["retained", "show", "prices.apples", "--json"]).exits(0).json();
    assert_eq!((json["body"].as_str(), &json["message"]["codec"]), (Some(&*body), &"cbor".into()));
    ask(&["retained", "show", "stock"]).exits(1).says(&["`stock` has no retained message"]);
    ask(&["retained", "clear", "prices.apples"]).exits(0).prints(&["cleared: prices.apples"]);
    ask(&["retained", "clear", "prices.apples"]).exits(1).says(&["`prices.apples` has no retained message"]);
    assert_eq!(list()["matching"], 0);
}

#[test]
fn retry_of_all_dead_letters_waits_for_room_and_ends_complete() {
    let folder = Folder::new();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let classify = format!("source = {:?}", path("components/quake-classify"));
    let app = folder.quakes(&[
        ("until = \"quake-feed\"\n", ""),
        ("restart = \"temporary\"", "restart = \"temporary\"\nconfig = { batch = 1 }"),
        (&classify, &format!("{classify}\nmailbox = 2")),
    ]);
    let mut running = within(&folder, &["run", "-v", &app, "--input", pipe.to_str().unwrap()]).start();
    let mut input = File::options().write(true).open(&pipe).unwrap();
    let ask = |args: &[&str]| within(&folder, args).run();
    running.until_it_says(OPEN);
    let right = ["quake-classify", "publish", "quakes.*"];
    ask(&[&["grants", "revoke"], &right[..]].concat()).exits(0);
    let quakes: String = (0..200).map(|number| quake(&format!("place {number}"))).collect();
    input.write_all(quakes.as_bytes()).unwrap();
    let kept = || {
        let listed = ask(&["dead-letters", "list", "--json", "--limit", "1"]).exits(0).json();
        listed["kept"].as_u64().unwrap()
    };
    while kept() < 200 {
        std::thread::yield_now();
    }
    ask(&[&["grants", "give"], &right[..]].concat()).exits(0);
    ask(&["dead-letters", "retry", "--all"]).exits(0).prints(&["retried 200 dead letters\n"]);
    assert_eq!(kept(), 0);
}
