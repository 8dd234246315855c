//! `airssys retained`: the retained messages of a running app.

use airssys_wasm::RetainedMessage;
use airssys_wasm::control::{
    ClearRetained, ListRetained, RetainedCleared, RetainedPage, RetainedWithBody, ShowRetained,
};

use crate::args::{Retained, RetainedCommand};
use crate::body::Body;
use crate::control::ask;
use crate::failure::Failure;
use crate::output::Output;
use crate::plain::plain_lines;
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
        RetainedCommand::Show { topic } => {
            let RetainedWithBody { message, body, .. } =
                ask(&target, "the retained message is not shown", ShowRetained { topic })?;
            return show(&message, &body, target.json, output);
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

fn show(message: &RetainedMessage, hex: &str, json: bool, output: &Output) -> Result<(), Failure> {
    let body = Body::of(Some(&message.codec), hex, message.body_bytes)?;
    if json {
        let message = serde_json::json!({ "message": message, "body": body.text_or_hex(), "body_hex": hex });
        return output.json(&message);
    }
    let rows = [
        ("topic", message.topic.clone()),
        ("from", message.sender.clone()),
        ("when", ago(message.at_ms)),
        ("codec", message.codec.clone()),
        ("bytes", thousands(message.body_bytes as u64)),
        ("body", body.notation().to_owned()),
    ];
    for (label, value) in rows {
        output.line(format!("{label:<9} {}", plain_lines(&value)));
    }
    output.line(body);
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
