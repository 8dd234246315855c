//! A native actor that components send to, and that sends to components.

use airssys_rt::{Actor, ActorContext, Child};
use airssys_wasm::{CallError, Codec, Envelope, NativeSender};
use serde::{Deserialize, Serialize};

/// A payment, as the component `till` sends it.
#[derive(Deserialize)]
struct Payment {
    article: String,
    cents: u64,
}

/// A line for the component `printer`.
#[derive(Serialize)]
struct Line {
    line: String,
}

/// The sum of all payments.
pub struct Ledger {
    sender: NativeSender,
    total_cents: u64,
}

impl Ledger {
    pub fn new(sender: NativeSender) -> Ledger {
        Ledger { sender, total_cents: 0 }
    }
}

/// Reasons for which the ledger fails.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the message is not a payment")]
    Malformed(#[from] serde_json::Error),
    #[error("the printer does not take the line")]
    Print(#[from] CallError),
}

impl Child for Ledger {}

impl Actor for Ledger {
    type Message = Envelope;
    type Error = LedgerError;

    async fn handle_message(
        &mut self,
        message: Envelope,
        _context: &ActorContext<Envelope>,
    ) -> Result<(), LedgerError> {
        // An error drops the message: it goes to the dead letters, and its requester is told.
        let payment: Payment = serde_json::from_slice(message.body())?;
        self.total_cents += payment.cents;
        let line = format!("{}: {} cents, for {}", payment.article, payment.cents, message.sender());
        let line = Codec::Json.message(&serde_json::to_vec(&Line { line })?);
        self.sender.send("printer", line).await?;
        message.reply(Codec::Json.message(&serde_json::to_vec(&self.total_cents)?));
        Ok(())
    }
}
