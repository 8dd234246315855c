//! `airssys retained`: the retained messages of a running app.

use airssys_wasm::RetainedMessage;
use airssys_wasm::control::{Answer, Request};

use crate::args::{Retained, RetainedCommand};
use crate::control::{ask, unexpected};
use crate::failure::Failure;
use crate::output::print_json;
use crate::tables;
use crate::units::{ago, thousands};

pub(crate) fn retained(args: Retained) -> Result<(), Failure> {
    let Retained { target, command } = args;
    let request = match command {
        RetainedCommand::List { pattern, after, limit } => Request::Retained { pattern, after, limit },
        RetainedCommand::Clear { topic } => Request::ClearRetained { topic },
    };
    match ask(&target, request)? {
        Answer::Retained { messages, matching } if target.json => {
            print_json(&serde_json::json!({ "messages": messages, "matching": matching }))
        }
        Answer::Retained { messages, matching } => {
            list(&messages, matching);
            Ok(())
        }
        Answer::RetainedCleared { topic } if target.json => {
            print_json(&serde_json::json!({ "cleared": topic }))
        }
        Answer::RetainedCleared { topic } => {
            anstream::println!("cleared: {topic}");
            Ok(())
        }
        other => Err(unexpected(&other)),
    }
}

fn list(messages: &[RetainedMessage], matching: usize) {
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
    tables::print("Retained messages", table);
    let (shown, matching) = (thousands(messages.len() as u64), thousands(matching as u64));
    anstream::println!("{shown} shown of {matching}");
}
