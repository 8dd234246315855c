//! A component as users write them, so that the benches measure realistic costs. It decodes each
//! message into a struct, and counts it.

mod orders;

use airssys_sdk::prelude::*;
use test_commands::bench::{Count, FIRST, Order, Reading};

struct Bench {
    counted: Count,
    /// True if it answers each reading with the same reading.
    answers: bool,
    /// The next receiver of a reading, until its number has come down to the first.
    peer: Option<String>,
    /// The names of the components that a round goes to.
    names: Vec<String>,
}

impl Component for Bench {
    fn initialize(config: &Config, _context: &Context) -> Result<Self, StartError> {
        Ok(Bench {
            counted: Count::default(),
            answers: config.get("answers").is_some(),
            peer: config.get("peer").map(str::to_owned),
            names: Vec::new(),
        })
    }

    async fn handle(&mut self, message: Message, context: &Context) -> Result<Reply, Rejection> {
        match message.codec() {
            Codec::Json => {
                let order: Order = message.decode()?;
                self.obey(order, &message, context).await
            }
            Codec::Raw => {
                self.counted.messages += 1;
                self.counted.bytes += message.body().len() as u64;
                Ok(Reply::none())
            }
            _ => {
                let reading: Reading = message.decode()?;
                self.counted.messages += 1;
                self.read(reading, &message, context).await
            }
        }
    }
}

impl Bench {
    async fn read(
        &mut self,
        mut reading: Reading,
        message: &Message,
        context: &Context,
    ) -> Result<Reply, Rejection> {
        if self.answers {
            return Ok(message.reply(&reading)?);
        }
        if let Some(peer) = &self.peer
            && reading.number > FIRST
        {
            reading.number -= 1;
            context.send(peer, &reading).await?;
        }
        Ok(Reply::none())
    }
}

airssys_sdk::component!(Bench);
