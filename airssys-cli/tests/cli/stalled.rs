//! A reader of the standard error that stalls: a full pipe, or a terminal after Ctrl-S.

use std::fs::File;
use std::io::Read;
use std::process::Command;
use std::time::Duration;

use crate::support::*;

/// A component that sends itself a command a hundred times.
fn component_with(name: &str, command: &str) -> String {
    let (source, script) = (path("components/test-probe"), format!(r#"[["{name}", {command}, 100]]"#));
    format!(
        "[[component]]\nsource = {source:?}\nname = \"{name}\"\n\
         config = {{ script = '''{script}''' }}\n"
    )
}

/// A component that logs without end.
fn chatty() -> String {
    component_with("chatty", &format!(r#"{{"LogForever": "{}"}}"#, "x".repeat(2_000)))
}

/// An app with a component that logs without end, beside one that handles a hundred messages.
fn app(folder: &Folder) -> String {
    let (chatty, quiet) = (chatty(), component_with("quiet", r#"{"Tally": ""}"#));
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

#[test]
fn second_signal_ends_the_program_after_the_lines_that_wait() {
    for reads in [true, false] {
        let folder = Folder::new();
        let sockets = folder.path().to_str().unwrap();
        let feed = format!("[[component]]\nsource = {:?}\nrestart", path("components/quake-feed"));
        let app = folder.quakes(&[(&feed, &format!("{}{feed}", chatty()))]);
        // The feed waits for its input, and so the app never stops by itself.
        let input = folder.path().join("input");
        assert!(Command::new("mkfifo").arg(&input).status().unwrap().success());
        let _input = File::options().read(true).write(true).open(&input).unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let args = ["run", "--json", &app, "--stop-timeout", "3600", "--input", input.to_str().unwrap()];
        let mut running = airssys(args).env("XDG_RUNTIME_DIR", sockets).errors_to(writer).start();
        // More than what the pipe and the queue take together.
        loop {
            assert!(running.is_running(), "the app ended");
            let asked =
                airssys(["inspect", "--json", "--app", "quakes"]).env("XDG_RUNTIME_DIR", sockets).run();
            let app = asked.stdout.starts_with('{').then(|| asked.json());
            if app.is_some_and(|app| {
                app["starting"].is_null() && count(&component(&app, "chatty")["log"], "bytes") > 3 << 20
            }) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        running.interrupt();
        running.signal("TERM");
        // A program that does not wait for its reader has ended by then.
        for _ in 0..6 {
            if running.is_running() {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        let mut said = Vec::new();
        if reads {
            reader.read_to_end(&mut said).unwrap();
            // The pipe has 64 KiB, and the queue nearly 1 MiB.
            assert!(said.len() > 512 << 10, "{} bytes", said.len());
        }
        let ended = running.end();
        assert!([130, 143].contains(&ended.status.code().unwrap()), "{ended}");
        drop(reader);
    }
}
