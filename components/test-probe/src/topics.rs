//! Publications and subscriptions.

use airssys_sdk::prelude::*;
use test_commands::{Answer, Command};

use crate::offend;

pub(crate) async fn run(command: Command, context: &Context) -> Result<Answer, Rejection> {
    Ok(match command {
        Command::Publish { topic, command } => {
            let published = context.publish(&topic, &*command).await;
            published.map(|count| count.to_string()).map_err(|error| error.to_string())
        }
        Command::Retain { topic, command } => {
            let published = context.publish(&topic, &*command).retain().await;
            published.map(|count| count.to_string()).map_err(|error| error.to_string())
        }
        Command::ClearRetained(topic) => {
            let cleared = context.clear_retained(&topic);
            cleared.map(|was| was.to_string()).map_err(|error| error.to_string())
        }
        Command::Subscribe(pattern) => {
            let subscribed = context.subscribe(&pattern);
            subscribed.map(|()| "subscribed".to_owned()).map_err(|error| error.to_string())
        }
        Command::Unsubscribe(pattern) => Ok(context.unsubscribe(&pattern).to_string()),
        other => offend::run(other, context).await?,
    })
}
