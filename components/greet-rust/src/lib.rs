//! Greets who says a name, and visits others: the same as greet-js and greet-python.

use airssys_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// A message: one of the two.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Call {
    /// Is greeted.
    Hello { name: String },
    /// Says hello to another component, by message and by request.
    Visit { visit: String },
}

/// The answer to a hello.
#[derive(Serialize, Deserialize)]
struct Greeting {
    text: String,
    /// How many hellos there have been.
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
                reply(message.codec(), &Greeting { text, heard: self.heard })
            }
            Call::Visit { visit } => {
                let name = context.identity().name.clone();
                let hello = Call::Hello { name };
                let json = serde_json::to_vec(&hello).map_err(|error| Rejection::from(error.to_string()))?;
                context.send(&visit, &hello).await?;
                context.send_encoded(&visit, Codec::Json, json).await?;
                let greeting: Greeting = context.request(&visit, &hello).await?;
                reply(message.codec(), &vec![greeting])
            }
        }
    }
}

/// A reply in the codec of the message.
fn reply<T: Serialize>(codec: Codec, value: &T) -> Result<Reply, Rejection> {
    match codec {
        Codec::Json => match serde_json::to_vec(value) {
            Ok(json) => Ok(Reply::encoded(Codec::Json, json)),
            Err(error) => Err(Rejection::from(error.to_string())),
        },
        _ => Ok(Reply::cbor(value)?),
    }
}

airssys_sdk::component!(Greeter);
