//! Keeps the lines that it gets, and replies with them.

use airssys_sdk::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(untagged)]
enum Job {
    /// Keeps a line.
    Print { line: String },
    /// Is answered with all lines.
    List { lines: bool },
}

#[derive(Default)]
struct Printer {
    lines: Vec<String>,
}

impl Component for Printer {
    const PREFERS: Codec = Codec::Json;

    fn initialize(_config: &Config, _context: &Context) -> Result<Self, StartError> {
        Ok(Printer::default())
    }

    async fn handle(&mut self, message: Message, _context: &Context) -> Result<Reply, Rejection> {
        match message.decode()? {
            Job::Print { line } => self.lines.push(line),
            Job::List { lines: true } => return Ok(message.reply(&self.lines)?),
            Job::List { lines: false } => {}
        }
        Ok(Reply::none())
    }
}

airssys_sdk::component!(Printer);
