//! A reader of the standard error that stalls: a full pipe, or a terminal after Ctrl-S.

use std::io::Read;

use crate::support::*;

/// An app with a component that logs without end, beside one that answers to its counter.
fn app(folder: &Folder) -> String {
    let source = path("components/test-probe");
    let line = "x".repeat(2_000);
    let script = format!(r#"[["chatty", {{"LogForever": "{line}"}}, 100], ["quiet", {{"Tally": ""}}, 100]]"#);
    let component =
        |name: &str, rest: &str| format!("[[component]]\nsource = {source:?}\nname = \"{name}\"\n{rest}\n");
    let send = "[grants.teller]\nsend = [\"chatty\", \"quiet\"]\n";
    let chatty = "limits = { execution_time = \"100 ms\", log_lines_per_second = 20_000, \
                  log_bytes_per_second = \"16 MiB\" }\n";
    folder.write(
        "app.toml",
        format!(
            "[app]\nname = \"stalled\"\n{}{}{}{send}",
            component("chatty", chatty),
            component("quiet", ""),
            component("teller", &format!("config = {{ script = '''{script}''' }}\n")),
        ),
    )
}

#[test]
fn app_runs_on_and_stops_while_the_reader_of_the_standard_error_stalls() {
    let folder = Folder::new();
    let sockets = folder.path().to_str().unwrap();
    let app = app(&folder);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let running = airssys(["run", "--json", &app]).env("XDG_RUNTIME_DIR", sockets).errors_to(writer).start();
    // The pipe is never read, so it fills with the lines of the first message.
    let asked = loop {
        let asked = airssys(["inspect", "--json", "--app", "stalled"]).env("XDG_RUNTIME_DIR", sockets).run();
        let ready = asked.stdout.starts_with('{').then(|| asked.json());
        if let Some(app) = ready
            && count(component(&app, "chatty"), "dead_lettered") > 20
            && count(component(&app, "quiet"), "handled") == 100
        {
            break app;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    let log = &component(&asked, "chatty")["log"];
    assert!(count(log, "bytes") > 2 << 20 && count(log, "dropped_lines") > 0, "{log}");
    running.interrupt();
    let ended = running.end().exits(130);
    assert_eq!(count(component(&ended.json(), "quiet"), "handled"), 100);
    // The pipe has what fitted.
    let mut said = Vec::new();
    reader.read_to_end(&mut said).unwrap();
    assert!(said.len() > 1_000);
}
