//! Greets callers by name, and visits other components: the same as greet-js and greet-python.

use airssys_sdk::codec::Json;
use airssys_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// The messages that a greeter understands.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Call {
    /// Answered with a greeting.
    Hello { name: String },
    /// Makes the greeter say hello to another component, by message and by request.
    Visit { visit: String },
    /// Makes the greeter say hello to another component in many names, as one batch.
    Tell { tell: String, names: Vec<String> },
    /// Handled at its last attempt.
    Try { attempts: u32 },
    /// Answered with the id of its request.
    Which { which: bool },
}

/// The answer to a hello.
#[derive(Serialize, Deserialize)]
struct Greeting {
    text: String,
    /// The number of hellos so far.
    heard: u64,
}

#[derive(Default)]
struct Greeter {
    heard: u64,
}

impl Component for Greeter {
    fn initialize(_config: &Config, _context: &Context) -> Result<Self, StartError> {
        Ok(Greeter::default())
    }

    async fn handle(&mut self, message: Message, context: &Context) -> Result<Reply, Rejection> {
        match message.decode()? {
            Call::Hello { name } => {
                self.heard += 1;
                let text = format!("hello {name}, says Rust");
                Ok(message.reply(&Greeting { text, heard: self.heard })?)
            }
            Call::Visit { visit } => {
                let name = context.identity().name.clone();
                let hello = Call::Hello { name };
                let mut greetings: Vec<Greeting> = Vec::new();
                context.send(&visit, &hello).await?;
                greetings.push(context.request(&visit, &hello).await?);
                context.send(&visit, Json(&hello)).await?;
                greetings.push(context.request(&visit, Json(&hello)).await?);
                Ok(message.reply(&greetings)?)
            }
            Call::Tell { tell, names } => {
                let hellos: Vec<Call> = names.into_iter().map(|name| Call::Hello { name }).collect();
                context.send_batch(&tell, hellos.iter().map(Json)).await?;
                Ok(message.reply(&hellos.len())?)
            }
            Call::Try { attempts } if message.attempt() < attempts => {
                Err(Rejection::retry(format!("attempt {} of {attempts}", message.attempt())))
            }
            Call::Try { .. } => Ok(message.reply(&message.attempt())?),
            Call::Which { .. } => Ok(message.reply(&message.request_id().map(|id| id.to_string()))?),
        }
    }
}

airssys_sdk::component!(Greeter);
