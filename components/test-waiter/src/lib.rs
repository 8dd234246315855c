//! A component with imports that can wait: a clock to sleep by, and its standard input.

use std::hint::black_box;
use std::io::Read;
use std::time::Duration;

use airssys_sdk::prelude::*;
use test_commands::{Answer, Command};

struct Waiter {
    reports_late: bool,
}

impl Component for Waiter {
    fn initialize(config: &Config, _context: &Context) -> Result<Self, StartError> {
        if config.get("never-starts").is_some() {
            println!("starting");
            std::thread::sleep(Duration::MAX);
        }
        Ok(Waiter { reports_late: config.get("reports-late").is_some() })
    }

    async fn handle(&mut self, message: Message, _context: &Context) -> Result<Reply, Rejection> {
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
            Command::Surroundings => surroundings(),
            other => Err(format!("{other:?} is not for this component")),
        };
        Ok(Reply::cbor(&answer)?)
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
