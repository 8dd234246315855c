//! A component with imports that can wait: a clock to sleep by, and its standard input.

use std::cell::Cell;
use std::hint::black_box;
use std::io::Read;
use std::time::Duration;

use airssys_sdk::prelude::*;
use test_commands::{Answer, Command};

struct Waiter {
    reports_late: bool,
    wait: Option<Wait>,
    /// The number of times that the host has asked for its health.
    looks: Cell<u32>,
}

/// A call that never returns.
struct Wait {
    call: String,
    reason: Reason,
}

/// The reason for which a call does not return.
#[derive(Clone, Copy)]
enum Reason {
    Timer,
    Input,
    /// It runs.
    Work,
}

impl Waiter {
    /// Waits or works without end if this is the call that waits.
    fn wait_in(&self, call: &str) {
        match &self.wait {
            Some(wait) if wait.call != call => {}
            Some(Wait { reason: Reason::Input, .. }) => drop(std::io::stdin().read(&mut [0])),
            Some(Wait { reason: Reason::Timer, .. }) => std::thread::sleep(Duration::MAX),
            Some(Wait { reason: Reason::Work, .. }) => loop {
                black_box(());
            },
            None => {}
        }
    }
}

impl Component for Waiter {
    fn initialize(config: &Config, context: &Context) -> Result<Self, StartError> {
        if config.get("never-starts").is_some() {
            println!("starting");
            std::thread::sleep(Duration::MAX);
        }
        // Incarnations before this one do not wait.
        let first = config.parse("waits-from")?.unwrap_or(0);
        let call = config.get("waits-in").filter(|_| context.identity().incarnation >= first);
        let reason = match config.get("waits-for") {
            Some("input") => Reason::Input,
            Some("work") => Reason::Work,
            _ => Reason::Timer,
        };
        let wait = call.map(|call| Wait { call: call.to_owned(), reason });
        let reports_late = config.get("reports-late").is_some();
        let waiter = Waiter { reports_late, wait, looks: Cell::new(0) };
        waiter.wait_in("initialize");
        Ok(waiter)
    }

    async fn handle(&mut self, message: Message, context: &Context) -> Result<Reply, Rejection> {
        if self.reports_late && message.is_report_request() {
            println!("reporting");
            std::thread::sleep(Duration::from_secs(20));
        }
        let answer: Answer = match message.decode()? {
            Command::Echo(text) => Ok(text),
            Command::Sleep(milliseconds) => {
                std::thread::sleep(Duration::from_millis(milliseconds));
                Ok("slept".to_owned())
            }
            Command::Spin => loop {
                black_box(());
            },
            Command::Request { to, command, timeout_ms } => {
                let timeout = Duration::from_millis(timeout_ms);
                let answered = context.request::<Answer>(&to, &*command).timeout(timeout).await;
                self.wait_in("callback");
                answered.unwrap_or_else(|error| Err(error.to_string()))
            }
            Command::Surroundings => surroundings(),
            other => Err(format!("{other:?} is not for this component")),
        };
        Ok(Reply::cbor(&answer)?)
    }

    fn health(&self) -> Health {
        let looks = self.looks.replace(self.looks.get() + 1);
        self.wait_in(if looks == 0 { "health" } else { "later-health" });
        Health::Healthy
    }

    fn shutdown(&mut self) {
        self.wait_in("shutdown");
    }
}

/// The view through WASI, which is the standard input only.
fn surroundings() -> Answer {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).map_err(|error| error.to_string())?;
    let root = std::fs::read_dir("/").is_ok();
    let file = std::fs::read("/etc/passwd").is_ok();
    let network = std::net::TcpStream::connect(("127.0.0.1", 9)).err().map(|error| error.kind());
    let (arguments, variables) = (std::env::args().count(), std::env::vars().count());
    Ok(format!(
        "input: {input}; root: {root}; file: {file}; network: {network:?}; \
         {arguments} arguments, {variables} variables"
    ))
}

airssys_sdk::component!(Waiter);
