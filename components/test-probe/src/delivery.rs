//! Retries, and batches of messages.

use std::error::Error;

use airssys_sdk::prelude::*;
use test_commands::{Answer, Command};

pub(crate) async fn run(command: Command, context: &Context) -> Result<Answer, Rejection> {
    Ok(match command {
        Command::Retry(reason) => return Err(Rejection::retry(reason)),
        Command::StopAndRetry(reason) => {
            context.stop();
            return Err(Rejection::retry(reason));
        }
        Command::SendBatch { to, commands } => sent(context.send_batch(&to, &commands).await),
        Command::TrySendBatch { to, commands } => sent(context.try_send_batch(&to, &commands)),
        other => Err(format!("{other:?} is not for this component")),
    })
}

fn sent(result: Result<(), airssys_sdk::SendBatchError>) -> Answer {
    result.map(|()| "sent".to_owned()).map_err(|error| text(&error))
}

/// An error with its causes.
pub(crate) fn text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
