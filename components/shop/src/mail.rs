//! Letters, whose senders do not wait for an answer.

use airssys_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) text: String,
}

pub(crate) struct Mail;

impl Mail {
    pub(crate) fn handle(&self, message: &Message) -> Result<Reply, Rejection> {
        let letter: Letter = message.decode()?;
        if letter.to.is_empty() {
            return Err(Rejection::from("the letter has no address"));
        }
        log::info!("to {}: {}", letter.to, letter.text);
        Ok(Reply::none())
    }
}
