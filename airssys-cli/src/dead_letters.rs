//! `airssys dead-letters`: the messages that a running app could not handle.

mod failed;
mod retry;

use airssys_wasm::control::{
    DeadLetterPage, DropDeadLetters, Letter, LetterWithBody, Letters, LettersDone, ListDeadLetters,
    ShowDeadLetter,
};

use crate::args::{DeadLetters, DeadLettersCommand, LetterSelection};
use crate::body::Body;
use crate::columns::cut;
use crate::control::ask;
use crate::failure::Failure;
use crate::output::Output;
use crate::plain::{plain, plain_lines};
use crate::signals::Signals;
use crate::tables;
use crate::terminal::Terminal;
use crate::units::{ago, counted, thousands};

/// The longest reason in a list, in characters.
const MAX_REASON: usize = 100;

pub(crate) fn dead_letters(
    args: DeadLetters,
    terminal: &Terminal,
    output: &Output,
    signals: &Signals,
) -> Result<(), Failure> {
    let DeadLetters { target, command } = args;
    match command {
        DeadLettersCommand::List { receiver, after, limit } => {
            let DeadLetterPage { letters, kept, total, .. } =
                ask(&target, "the dead letters are not listed", ListDeadLetters { receiver, after, limit })?;
            if target.json {
                let page = serde_json::json!({ "letters": letters, "kept": kept, "total": total });
                return output.json(&page);
            }
            list(&letters, kept, total, output);
            Ok(())
        }
        DeadLettersCommand::Show { id } => {
            let LetterWithBody { letter, body, .. } =
                ask(&target, format!("dead letter {id} is not shown"), ShowDeadLetter { id })?;
            show(&letter, &body, target.json, output)
        }
        DeadLettersCommand::Retry(selection) => retry::retry(selection, &target, terminal, output, signals),
        DeadLettersCommand::Drop(selection) => {
            let done =
                ask(&target, "no dead letter is dropped", DropDeadLetters { which: letters(selection) })?;
            print_done("dropped", &done, target.json, output)
        }
    }
}

fn print_done(
    verb: &str,
    LettersDone { done, failed, .. }: &LettersDone,
    json: bool,
    output: &Output,
) -> Result<(), Failure> {
    match json {
        true => output.json(&serde_json::json!({ "done": done, "failed": failed }))?,
        false => output.line(format!("{verb} {}", counted(done.len() as u64, "dead letter"))),
    }
    let failed: Vec<_> = failed.iter().map(|failed| (failed.message.clone(), failed.ids.clone())).collect();
    failed::check_none_failed(verb, &failed)
}

fn letters(selection: LetterSelection) -> Letters {
    match selection.all {
        true => Letters::All { receiver: selection.receiver },
        false => Letters::Ids(selection.ids),
    }
}

fn list(letters: &[Letter], kept: usize, total: u64, output: &Output) {
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
            cut(&plain(&letter.headline()), MAX_REASON),
        ]);
    }
    for column in [0, 5, 6] {
        tables::align_right(&mut table, column);
    }
    tables::print(output, "Dead letters", table);
    let (shown, kept) = (thousands(letters.len() as u64), thousands(kept as u64));
    let total = counted(total, "dead letter");
    output.line(format!("{shown} shown of {kept} kept; {total} since the start"));
}

fn show(letter: &Letter, body: &str, json: bool, output: &Output) -> Result<(), Failure> {
    let hex = body;
    let body = Body::of(letter.codec.as_deref(), hex, letter.body_bytes)?;
    if json {
        let letter = serde_json::json!({ "letter": letter, "body": body.text_or_hex(), "body_hex": hex });
        return output.json(&letter);
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
        ("body", body.notation().to_owned()),
    ];
    for (label, value) in rows {
        // Only a reason can have several lines, such as a stack trace.
        output.line(format!("{label:<9} {}", plain_lines(&value)));
    }
    output.line(body);
    Ok(())
}
