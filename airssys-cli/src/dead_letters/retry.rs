//! Retrying many dead letters: waits for room in the mailboxes of their receivers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use airssys_wasm::control::{
    Client, DeadLetterPage, Letters, LettersDone, ListDeadLetters, RetryDeadLetters,
};

use super::failed::check_none_failed;
use crate::args::{LetterSelection, Target};
use crate::control::connect;
use crate::failure::Failure;
use crate::output::Output;
use crate::signals::{Attention, EndSignal, Signals};
use crate::terminal::Terminal;
use crate::units::{counted, thousands};

/// The most letters of one request.
const LETTERS_AT_ONCE: usize = 1_000;

/// The waits for room: the first, and the longest after several without any progress.
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The interval of progress lines without a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The time that the app has to answer a request after a signal.
const LAST_ANSWER: Duration = Duration::from_secs(1);

const REFUSED: &str = "the dead letters are not retried";

/// The state of a retry of many letters.
#[derive(Debug, Default)]
struct Retry {
    total: usize,
    done: Vec<u64>,
    /// The letters whose receivers had no room.
    waiting: Vec<u64>,
    /// The receivers without room, as the app describes them.
    no_room: Vec<String>,
    /// Their names. No letter to them overtakes another.
    held_back: BTreeSet<String>,
    /// The letters of a request that the app has not answered before the end.
    unanswered: Vec<u64>,
    /// The letters that were refused for another reason, by that reason.
    failed: BTreeMap<String, Vec<u64>>,
}

/// Retries letters until each is handed over or refused. An interrupt ends it in between.
pub(super) fn retry(
    selection: LetterSelection,
    target: &Target,
    terminal: &Terminal,
    output: &Output,
    signals: &Signals,
) -> Result<(), Failure> {
    // Until the first letter is on its way, a signal ends the program at once.
    let mut client = connect(target)?;
    let ids = if selection.all { all(&mut client, selection.receiver)? } else { selection.ids };
    let attention = signals.attend(Duration::MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| Failure::run("the runtime cannot be started", error))?;
    let mut retry = Retry { total: ids.len(), waiting: ids, ..Retry::default() };
    let retried = runtime.block_on(retry.rounds(client, &attention, terminal));
    // The thread of a request that the app does not answer cannot be interrupted.
    runtime.shutdown_background();
    terminal.finish();
    retried?;
    retry.end(attention.seen(), target.json, output)
}

/// The ids of all letters that are kept now.
fn all(client: &mut Client, receiver: Option<String>) -> Result<Vec<u64>, Failure> {
    let (mut ids, mut after) = (Vec::new(), 0);
    loop {
        let list = ListDeadLetters { receiver: receiver.clone(), after, limit: LETTERS_AT_ONCE };
        let DeadLetterPage { letters, .. } =
            client.ask(list).map_err(|error| Failure::run(REFUSED, error))?;
        let Some(last) = letters.last() else { return Ok(ids) };
        after = last.id;
        ids.extend(letters.iter().map(|letter| letter.id));
    }
}

impl Retry {
    /// Offers the waiting letters until none waits, or until a signal comes.
    async fn rounds(
        &mut self,
        mut client: Client,
        attention: &Attention,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let (mut wait, mut line_at) = (WAITS.0, Instant::now() + LINE_INTERVAL);
        while !self.waiting.is_empty() && attention.seen().is_none() {
            let before = self.done.len();
            client = match self.round(client, attention).await? {
                Some(client) if !self.waiting.is_empty() => client,
                _ => break,
            };
            terminal.working(self.progress());
            if !terminal.shows_progress() && Instant::now() >= line_at {
                terminal.line(&self.progress());
                line_at = Instant::now() + LINE_INTERVAL;
            }
            wait = if self.done.len() > before { WAITS.0 } else { (wait * 2).min(WAITS.1) };
            // A signal cuts the wait short.
            drop(tokio::time::timeout(wait, attention.received()).await);
        }
        Ok(())
    }

    /// Offers every waiting letter once. Returns `None` if a signal came and the app does not answer.
    async fn round(&mut self, mut client: Client, attention: &Attention) -> Result<Option<Client>, Failure> {
        let mut waiting = std::mem::take(&mut self.waiting);
        self.no_room.clear();
        self.held_back.clear();
        while !waiting.is_empty() && attention.seen().is_none() {
            let later = waiting.split_off(waiting.len().min(LETTERS_AT_ONCE));
            let ids = std::mem::replace(&mut waiting, later);
            let request =
                RetryDeadLetters { which: Letters::Ids(ids.clone()), held_back: self.held_back.clone() };
            let mut asked = tokio::task::spawn_blocking(move || {
                let answer = client.ask(request);
                (client, answer)
            });
            let answered = tokio::select! {
                answered = &mut asked => Some(answered),
                _ = attention.received() => tokio::time::timeout(LAST_ANSWER, &mut asked).await.ok(),
            };
            let Some(answered) = answered else {
                (self.unanswered, self.waiting) = (ids, self.waiting.drain(..).chain(waiting).collect());
                return Ok(None);
            };
            let answer;
            (client, answer) = answered.map_err(|error| Failure::run(self.cut_short(), error))?;
            self.take(answer.map_err(|error| Failure::run(self.cut_short(), error))?);
        }
        self.waiting.extend(waiting);
        self.waiting.sort_unstable();
        Ok(Some(client))
    }

    fn cut_short(&self) -> String {
        let done = thousands(self.done.len() as u64);
        format!("{done} of {} are retried, and no more", self.letters())
    }

    fn take(&mut self, LettersDone { done, failed, .. }: LettersDone) {
        self.done.extend(done);
        for failure in failed {
            if failure.no_room {
                self.waiting.extend(failure.ids);
                self.held_back.extend(failure.receiver);
                if !self.no_room.contains(&failure.message) {
                    self.no_room.push(failure.message);
                }
            } else {
                self.failed.entry(failure.message).or_default().extend(failure.ids);
            }
        }
        self.waiting.sort_unstable();
    }

    fn letters(&self) -> String {
        counted(self.total as u64, "dead letter")
    }

    fn progress(&self) -> String {
        let done = thousands(self.done.len() as u64);
        format!("retried {done} of {}; waiting: {}", self.letters(), self.no_room.join(", "))
    }

    fn end(self, signal: Option<EndSignal>, json: bool, output: &Output) -> Result<(), Failure> {
        let failed: Vec<_> =
            self.failed.iter().map(|(message, ids)| (message.clone(), ids.clone())).collect();
        let (done, waiting) = (self.done.len() as u64, self.waiting.len() as u64);
        let unanswered = self.unanswered.len() as u64;
        if json {
            let failed =
                failed.iter().map(|(message, ids)| serde_json::json!({ "message": message, "ids": ids }));
            let failed: Vec<_> = failed.collect();
            let (waiting, unanswered) = (self.waiting, self.unanswered);
            output.json(&serde_json::json!({
                "done": self.done, "failed": failed, "waiting": waiting, "unanswered": unanswered,
            }))?;
        } else if unanswered > 0 {
            output.line(format!(
                "retried {} of {}; the app has not answered for {}, which it may still retry; the other {} are kept",
                thousands(done),
                self.letters(),
                thousands(unanswered),
                thousands(waiting)
            ));
        } else if waiting > 0 {
            output.line(format!(
                "retried {} of {}; the other {} are kept",
                thousands(done),
                self.letters(),
                thousands(waiting)
            ));
        } else {
            output.line(format!("retried {}", counted(done, "dead letter")));
        }
        check_none_failed("retried", &failed)?;
        match signal.filter(|_| waiting + unanswered > 0) {
            Some(signal) => Err(Failure::Stopped { signal, status: signal.status() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_without_room_wait_and_others_are_done_or_failed() {
        let answer = serde_json::json!({ "done": [1, 4], "failed": [
            { "message": "`b` has no room", "no_room": true, "ids": [5, 3] },
            { "message": "`c` did not take it: it has stopped", "ids": [2] },
        ] });
        let mut retry = Retry { total: 5, ..Retry::default() };
        retry.take(serde_json::from_value(answer).unwrap());
        assert_eq!((&retry.done[..], &retry.waiting[..]), (&[1, 4][..], &[3, 5][..]));
        assert_eq!(retry.progress(), "retried 2 of 5 dead letters; waiting: `b` has no room");
        let signal = EndSignal::Interrupt;
        let failed = std::mem::take(&mut retry.failed);
        assert_eq!(failed["`c` did not take it: it has stopped"], [2]);
        let end = retry.end(Some(signal), false, &Output::default()).unwrap_err();
        assert!(matches!(end, Failure::Stopped { signal: EndSignal::Interrupt, status: 130 }), "{end}");
    }
}
