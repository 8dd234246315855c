//! Ctrl-C.

use crate::support::*;

#[test]
fn an_interrupted_app_is_shut_down_in_order() {
    let folder = Folder::new();
    let probe = |name: &str| {
        let source = path("components/test-probe");
        format!(
            "[[component]]\nsource = {source:?}\nname = \"{name}\"\nconfig = {{ shutdown-note = \"bye\" }}\n\n"
        )
    };
    let feed = format!("[[component]]\nsource = {:?}\nrestart", path("components/quake-feed"));
    let app = folder.quakes(&[
        ("until = \"quake-feed\"\n", ""),
        (&feed, &format!("{}{}{feed}", probe("first"), probe("second"))),
    ]);
    let mut running = airssys(["run", "--json", &app]).start();
    running.until_it_says("quake-feed: read 1707 events");
    running.interrupt();
    let ended = running.end().exits(130).says(&["error: interrupted"]);
    let said =
        |text: &str| ended.stderr.find(text).unwrap_or_else(|| panic!("it does not say {text}: {ended}"));
    assert!(said("second: bye") < said("first: bye"), "{ended}");
    // Every message is accounted for, wherever the interrupt met it.
    for component in ended.json()["components"].as_array().unwrap() {
        let [received, handled, dead] =
            ["received", "handled", "dead_lettered"].map(|counter| count(component, counter));
        assert_eq!(received, handled + dead, "{component}");
    }
}
