//! A component that obeys its messages, and imports nothing that can wait.

mod delivery;
mod exchange;
mod harm;
mod known;
mod ledger;
mod offend;
mod script;
mod topics;

use airssys_sdk::codec::Encoded;
use airssys_sdk::prelude::*;
use test_commands::{Answer, Command};

struct Probe {
    notes: Vec<String>,
    health: Health,
    shutdown_note: Option<String>,
    panics_on_shutdown: bool,
    kept: Vec<Vec<u8>>,
}

impl Component for Probe {
    fn initialize(config: &Config, context: &Context) -> Result<Self, StartError> {
        if let Some(text) = config.get("refuse") {
            return Err(StartError::from(text));
        }
        if let Some(text) = config.get("panic") {
            panic!("{text}");
        }
        if config.get("panic-after-restart").is_some() && context.identity().incarnation > 0 {
            panic!("again");
        }
        if let Some(script) = config.get("script").filter(|_| context.identity().incarnation == 0) {
            script::send(script, context)?;
        }
        if config.get("stop-at-start").is_some() {
            context.stop();
        }
        let health = match (config.get("degraded"), config.get("unhealthy")) {
            (Some(text), _) => Health::Degraded(text.to_owned()),
            (_, Some(text)) => Health::Unhealthy(text.to_owned()),
            _ => Health::Healthy,
        };
        let shutdown_note = config.get("shutdown-note").map(str::to_owned);
        let panics_on_shutdown = config.get("panic-on-shutdown").is_some();
        Ok(Probe { notes: Vec::new(), health, shutdown_note, panics_on_shutdown, kept: Vec::new() })
    }

    async fn handle(&mut self, message: Message, context: &Context) -> Result<Reply, Rejection> {
        let command: Command = message.decode()?;
        let answer = match command {
            Command::Note(text) => {
                self.notes.push(text);
                return Ok(Reply::none());
            }
            Command::NoteOrigin(text) => {
                self.notes.push(if message.was_retained() { text + "+" } else { text });
                return Ok(Reply::none());
            }
            Command::Tally(_) => return Ok(Reply::none()),
            Command::Notes => Ok(self.notes.join(" ")),
            Command::Echo(text) => Ok(text),
            Command::Large(bytes) => Ok("x".repeat(bytes)),
            Command::ReplyIn(codec) => return Ok(message.reply(Encoded(exchange::codec(&codec)?, b"{}"))?),
            Command::Reject(reason) => return Err(Rejection::from(reason)),
            Command::RetryBefore { attempt, text } => {
                let this = message.attempt();
                if this < attempt {
                    return Err(Rejection::retry(format!("attempt {this}")));
                }
                self.notes.push(text.clone());
                Ok(text)
            }
            Command::PanicBefore { attempt, text } => {
                let this = message.attempt();
                assert!(this >= attempt, "attempt {this}");
                self.notes.push(text.clone());
                Ok(text)
            }
            Command::Allocate(mib) => {
                self.kept.push(vec![1; mib << 20]);
                Ok(format!("{} kept", self.kept.len()))
            }
            Command::TryAllocate(mib) => {
                let mut bytes: Vec<u8> = Vec::new();
                let refused = bytes.try_reserve_exact(mib << 20).is_err();
                Ok(if refused { "refused" } else { "allocated" }.to_owned())
            }
            Command::Stop => {
                context.stop();
                return Ok(Reply::none());
            }
            Command::Say(text) => {
                println!("out {text}");
                eprintln!("err {text}");
                log::info!("log {text}");
                return Ok(Reply::none());
            }
            Command::Mark(mark) => return ledger::mark(&mark, &message),
            Command::Rounds(count) => Ok(offend::rounds(count, &message)),
            Command::Surroundings => Ok(harm::surroundings()),
            Command::Describe | Command::RequestId | Command::Traceparent => {
                Ok(known::of(&command, &message))
            }
            Command::Identity => Ok(known::identity(context)),
            Command::Usage => Ok(known::usage(context)),
            command @ (Command::Panic(_)
            | Command::Exit
            | Command::Spin
            | Command::Work(_)
            | Command::Sleep(_)
            | Command::Recurse
            | Command::Stall) => harm::run(command).await,
            command => exchange::run(command, context).await?,
        };
        let answer: Answer = answer;
        Ok(Reply::cbor(&answer)?)
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn shutdown(&mut self) {
        if let Some(note) = &self.shutdown_note {
            log::info!("{note}");
        }
        if self.panics_on_shutdown {
            panic!("while it stops");
        }
    }
}

airssys_sdk::component!(Probe);
