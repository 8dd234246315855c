//! Reads earthquakes from its standard input and sends each, exactly as read, as a JSON message.
//!
//! The input is a GeoJSON FeatureCollection or one feature a line. The component reads a few events
//! per message, and then sends itself the next message. So a handler never runs long, and a full
//! mailbox downstream slows the reading down. The settings: `to`, the receiver of the events (default
//! `quake-parse`), and `batch`, the number of events per message (default 32).

mod collection;
mod input;

use std::io::Stdin;

use airssys_sdk::codec::Encoded;
use airssys_sdk::prelude::*;

use input::{Events, Item};

struct QuakeFeed {
    events: Events<Stdin>,
    to: String,
    batch: u32,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    read: u64,
    sent: u64,
    refused: u64,
}

impl Component for QuakeFeed {
    fn initialize(config: &Config, context: &Context) -> Result<Self, StartError> {
        let to = config.get("to").unwrap_or("quake-parse").to_owned();
        let batch = config.parse("batch")?.unwrap_or(32);
        if batch == 0 {
            return Err(StartError::from("the setting `batch` is at least 1"));
        }
        next_turn(context)?;
        Ok(QuakeFeed { events: Events::new(std::io::stdin()), to, batch, counts: Counts::default() })
    }

    async fn handle(&mut self, _turn: Message, context: &Context) -> Result<Reply, Rejection> {
        for _ in 0..self.batch {
            if !self.send_one(context).await {
                let Counts { read, sent, refused } = self.counts;
                log::info!("read {read} events: {sent} sent, {refused} refused");
                context.stop();
                return Ok(Reply::none());
            }
        }
        if let Err(error) = next_turn(context) {
            panic!("the next turn cannot begin: {error}");
        }
        Ok(Reply::none())
    }
}

impl QuakeFeed {
    /// Sends the next event. Returns false at the end of the input.
    async fn send_one(&mut self, context: &Context) -> bool {
        let (number, event) = match self.events.next() {
            Ok(Some(next)) => next,
            Ok(None) => return false,
            Err(error) => panic!("{}", Rejection::because(&error)),
        };
        self.counts.read += 1;
        let event = match event {
            Item::Event(event) => event,
            Item::TooLong(length) => {
                log::error!("{number} is skipped: {length} bytes are more than an event can have");
                self.counts.refused += 1;
                return true;
            }
        };
        match context.send(&self.to, Encoded(Codec::Json, event)).await {
            Ok(()) => self.counts.sent += 1,
            Err(error) => {
                log::error!("{number} is refused: {}", Rejection::because(&error));
                self.counts.refused += 1;
            }
        }
        true
    }
}

/// Asks this instance to read on.
fn next_turn(context: &Context) -> Result<(), airssys_sdk::SendError> {
    context.try_send(&context.identity().name, &())
}

airssys_sdk::component!(QuakeFeed);
