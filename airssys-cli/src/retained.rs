//! `airssys retained`: the retained messages of a running app.

use airssys_wasm::RetainedMessage;
use airssys_wasm::control::{ClearRetained, ListRetained, RetainedCleared, RetainedPage};

use crate::args::{Retained, RetainedCommand};
use crate::control::ask;
use crate::failure::Failure;
use crate::output::Output;
use crate::tables;
use crate::units::{ago, thousands};

pub(crate) fn retained(args: Retained, output: &Output) -> Result<(), Failure> {
    let Retained { target, command } = args;
    match command {
        RetainedCommand::List { pattern, after, limit } => {
            let RetainedPage { messages, matching, .. } =
                ask(&target, "the retained messages are not listed", ListRetained { pattern, after, limit })?;
            if target.json {
                return output.json(&serde_json::json!({ "messages": messages, "matching": matching }));
            }
            list(&messages, matching, output);
        }
        RetainedCommand::Clear { topic } => {
            let RetainedCleared { topic, .. } = ask(
                &target,
                format!("the retained message of `{topic}` is not cleared"),
                ClearRetained { topic },
            )?;
            if target.json {
                return output.json(&serde_json::json!({ "cleared": topic }));
            }
            output.line(format!("cleared: {topic}"));
        }
    }
    Ok(())
}

fn list(messages: &[RetainedMessage], matching: usize, output: &Output) {
    let mut table = tables::empty(["topic", "from", "when", "codec", "bytes"]);
    for message in messages {
        table.add_row([
            message.topic.clone(),
            message.sender.clone(),
            ago(message.at_ms),
            message.codec.clone(),
            thousands(message.body_bytes as u64),
        ]);
    }
    tables::align_right(&mut table, 4);
    tables::print(output, "Retained messages", table);
    let (shown, matching) = (thousands(messages.len() as u64), thousands(matching as u64));
    output.line(format!("{shown} shown of {matching}"));
}
