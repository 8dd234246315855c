//! Commands that an app's manifest makes the component send at its first start.

use airssys_sdk::prelude::*;
use test_commands::Command;

/// Sends the commands of a script: a list of `[target, command, times]` in JSON.
pub(crate) fn send(script: &str, context: &Context) -> Result<(), StartError> {
    let script: Vec<(String, Command, u32)> =
        serde_json::from_str(script).map_err(|error| StartError::from(error.to_string()))?;
    for (to, command, times) in &script {
        for _ in 0..*times {
            context.try_send(to, command).map_err(|error| StartError::from(error.to_string()))?;
        }
    }
    Ok(())
}
