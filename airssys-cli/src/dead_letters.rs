//! `airssys dead-letters`: the messages that a running app could not handle.

use airssys_wasm::control::{Answer, Letter, Letters, LettersFailed, Request};

use crate::args::{DeadLetters, DeadLettersCommand, LetterSelection};
use crate::body;
use crate::control::{ask, unexpected};
use crate::failure::Failure;
use crate::output::print_json;
use crate::plain::{plain, plain_lines};
use crate::tables;
use crate::units::{ago, counted, thousands};

pub(crate) fn dead_letters(args: DeadLetters) -> Result<(), Failure> {
    let DeadLetters { target, command } = args;
    let (request, verb) = match command {
        DeadLettersCommand::List { receiver, after, limit } => {
            (Request::DeadLetters { receiver, after, limit }, "")
        }
        DeadLettersCommand::Show { id } => (Request::DeadLetter { id }, ""),
        DeadLettersCommand::Retry(selection) => {
            (Request::RetryDeadLetters { which: letters(selection) }, "retried")
        }
        DeadLettersCommand::Drop(selection) => {
            (Request::DropDeadLetters { which: letters(selection) }, "dropped")
        }
    };
    match ask(&target, request)? {
        Answer::DeadLetters { letters, kept, total } if target.json => {
            print_json(&serde_json::json!({ "letters": letters, "kept": kept, "total": total }))
        }
        Answer::DeadLetters { letters, kept, total } => {
            list(&letters, kept, total);
            Ok(())
        }
        Answer::DeadLetter { letter, body } => show(&letter, &body, target.json),
        Answer::LettersDone { done, failed } => {
            match target.json {
                true => print_json(&serde_json::json!({ "done": done, "failed": failed }))?,
                false => anstream::println!("{verb} {}", counted(done.len() as u64, "dead letter")),
            }
            check_none_failed(verb, &failed)
        }
        other => Err(unexpected(&other)),
    }
}

fn letters(selection: LetterSelection) -> Letters {
    match selection.all {
        true => Letters::All { receiver: selection.receiver },
        false => Letters::Ids(selection.ids),
    }
}

fn list(letters: &[Letter], kept: usize, total: u64) {
    let mut table = tables::empty(["id", "for", "from", "topic", "when", "attempts", "bytes", "reason"]);
    for letter in letters {
        table.add_row([
            letter.id.to_string(),
            letter.receiver.clone(),
            letter.sender.clone(),
            letter.topic.clone().unwrap_or_else(|| "–".to_owned()),
            ago(letter.at_ms),
            letter.attempts.to_string(),
            thousands(letter.body_bytes as u64),
            plain(&letter.reason).into_owned(),
        ]);
    }
    for column in [0, 5, 6] {
        tables::align_right(&mut table, column);
    }
    tables::print("Dead letters", table);
    let (shown, kept) = (thousands(letters.len() as u64), thousands(kept as u64));
    let total = counted(total, "dead letter");
    anstream::println!("{shown} shown of {kept} kept; {total} since the start");
}

fn show(letter: &Letter, body: &str, json: bool) -> Result<(), Failure> {
    let bytes = body::from_hex(body)
        .ok_or_else(|| Failure::run("the app sent a body that is not hexadecimal", body.to_owned()))?;
    let (text, is_hex) = body::readable(letter.codec.as_deref(), &bytes, letter.body_bytes);
    if json {
        let letter = serde_json::json!({ "letter": letter, "body": text, "body_hex": body });
        return print_json(&letter);
    }
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let rows = [
        ("id", letter.id.to_string()),
        ("for", letter.receiver.clone()),
        ("instance", or_none(&letter.instance)),
        ("from", letter.sender.clone()),
        ("topic", or_none(&letter.topic)),
        ("trace", or_none(&letter.traceparent)),
        ("when", ago(letter.at_ms)),
        ("attempts", letter.attempts.to_string()),
        ("reason", letter.reason.clone()),
        ("codec", letter.codec.clone().unwrap_or_else(|| "none".to_owned())),
        ("bytes", thousands(letter.body_bytes as u64)),
        ("body", if is_hex { "hexadecimal".to_owned() } else { "text".to_owned() }),
    ];
    for (label, value) in rows {
        anstream::println!("{label:<9} {}", plain(&value));
    }
    anstream::println!("\n{}", plain_lines(&text));
    Ok(())
}

/// Fails if some letters could not be retried or dropped.
fn check_none_failed(verb: &str, failed: &[LettersFailed]) -> Result<(), Failure> {
    let reason = |failed: &LettersFailed| {
        let ids: Vec<String> = failed.ids.iter().take(10).map(u64::to_string).collect();
        let more = if failed.ids.len() > ids.len() { ", …" } else { "" };
        format!(
            "{} ({}: {}{more})",
            failed.message,
            counted(failed.ids.len() as u64, "letter"),
            ids.join(", ")
        )
    };
    match failed {
        [] => Ok(()),
        failed => {
            let reasons: Vec<String> = failed.iter().map(reason).collect();
            Err(Failure::run(format!("some dead letters were not {verb}"), reasons.join("\n")))
        }
    }
}
