//! A reader of the standard error that stalls: a full pipe, or a terminal after Ctrl-S.

use std::io::Read;

use crate::support::*;

/// An app with a component that logs without end, beside one that handles a hundred messages.
fn app(folder: &Folder) -> String {
    let source = path("components/test-probe");
    let component = |name: &str, command: &str| {
        let script = format!(r#"[["{name}", {command}, 100]]"#);
        format!(
            "[[component]]\nsource = {source:?}\nname = \"{name}\"\n\
             config = {{ script = '''{script}''' }}\n"
        )
    };
    let chatty = component("chatty", &format!(r#"{{"LogForever": "{}"}}"#, "x".repeat(2_000)));
    let quiet = component("quiet", r#"{"Tally": ""}"#);
    folder.write("app.toml", format!("[app]\nname = \"stalled\"\n{chatty}{quiet}"))
}

#[test]
fn app_runs_on_and_stops_while_the_reader_of_the_standard_error_stalls() {
    let folder = Folder::new();
    let sockets = folder.path().to_str().unwrap();
    let app = app(&folder);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut running =
        airssys(["run", "--json", &app]).env("XDG_RUNTIME_DIR", sockets).errors_to(writer).start();
    // The pipe is never read, so it fills with the lines of the first message.
    let asked = loop {
        assert!(running.is_running(), "the app ended");
        let asked = airssys(["inspect", "--json", "--app", "stalled"]).env("XDG_RUNTIME_DIR", sockets).run();
        let ready = asked.stdout.starts_with('{').then(|| asked.json());
        if let Some(app) = ready
            && app["starting"].is_null()
            && count(&component(&app, "chatty")["log"], "bytes") > 3 << 20
            && count(component(&app, "quiet"), "handled") == 100
        {
            break app;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    let log = &component(&asked, "chatty")["log"];
    assert!(count(log, "dropped_lines") > 0, "{log}");
    running.interrupt();
    let ended = running.end().exits(130);
    assert_eq!(count(component(&ended.json(), "quiet"), "handled"), 100);
    // The pipe has what fitted.
    let mut said = Vec::new();
    reader.read_to_end(&mut said).unwrap();
    assert!(said.len() > 1_000);
}
