//! A ledger of sent and handled messages, read from the logs of the components.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Counts of sent and handled messages. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Entries>>);

/// The sender of a message, and its number.
type Key = (String, u64);

#[derive(Default)]
struct Entries {
    sent: BTreeMap<Key, u64>,
    handled: BTreeMap<Key, u64>,
    dead: BTreeMap<Key, u64>,
    asked: BTreeMap<Key, u64>,
    came: BTreeMap<Key, Vec<String>>,
    /// Messages that were to be retained, so new subscribers get copies too.
    retained: BTreeSet<Key>,
    /// Copies of retained messages that new subscribers handled.
    handed: BTreeMap<Key, u64>,
    /// Dead letters that were retried.
    retried: BTreeMap<Key, u64>,
    /// The numbers that a sender sent in order, and those that a receiver handled in order.
    order_sent: HashMap<String, Vec<u64>>,
    order_handled: HashMap<(String, String), Vec<u64>>,
}

impl Ledger {
    /// Has the threads of a runtime write what components log into the ledger.
    pub(crate) fn listen<'b>(
        &self,
        runtime: &'b mut tokio::runtime::Builder,
    ) -> &'b mut tokio::runtime::Builder {
        let subscriber = || tracing_subscriber::registry().with(self.clone());
        let dispatch = tracing::Dispatch::new(subscriber());
        runtime.on_thread_start(move || {
            // The guard is leaked, so that the dispatcher stays for as long as the thread lives.
            std::mem::forget(tracing::dispatcher::set_default(&dispatch));
        })
    }

    /// Notes that this many receivers accepted a message.
    pub(crate) fn sent(&self, sender: &str, id: u64, times: u64) {
        let mut entries = self.0.lock().unwrap();
        *entries.sent.entry((sender.to_owned(), id)).or_default() += times;
        entries.order_sent.entry(sender.to_owned()).or_default().push(id);
    }

    /// Notes that a message is a dead letter.
    pub(crate) fn dead(&self, sender: &str, id: u64) {
        *self.0.lock().unwrap().dead.entry((sender.to_owned(), id)).or_default() += 1;
    }

    /// Notes that a dead letter was retried.
    pub(crate) fn retried(&self, sender: &str, id: u64) {
        *self.0.lock().unwrap().retried.entry((sender.to_owned(), id)).or_default() += 1;
    }

    /// Notes that a message is to be retained.
    pub(crate) fn retains(&self, sender: &str, id: u64) {
        self.0.lock().unwrap().retained.insert((sender.to_owned(), id));
    }

    /// Returns how many receivers accepted a message, or `None` if its sender has not logged it.
    pub(crate) fn taken(&self, id: u64) -> Option<u64> {
        self.0.lock().unwrap().sent.iter().find(|((_, sent), _)| *sent == id).map(|(_, times)| *times)
    }

    fn read(&self, instance: &str, line: &str) {
        let mut words = line.split(' ');
        let (Some(word), Some(Ok(id)), Some(more)) =
            (words.next(), words.next().map(str::parse::<u64>), words.next())
        else {
            return;
        };
        let key = (instance.to_owned(), id);
        let mut entries = self.0.lock().unwrap();
        match word {
            "sent" => {
                drop(entries);
                self.sent(instance, id, more.parse().unwrap());
            }
            "asked" => {
                *entries.asked.entry(key).or_default() += 1;
                entries.order_sent.entry(instance.to_owned()).or_default().push(id);
            }
            "retains" => {
                entries.retained.insert(key);
            }
            "handed" => *entries.handed.entry((more.to_owned(), id)).or_default() += 1,
            "came" => entries.came.entry(key).or_default().push(more.to_owned()),
            "handled" => {
                *entries.handled.entry((more.to_owned(), id)).or_default() += 1;
                let pair = (more.to_owned(), instance.to_owned());
                entries.order_handled.entry(pair).or_default().push(id);
            }
            _ => {}
        }
    }

    /// Checks that every message is accounted for, and that messages were handled in order.
    pub(crate) fn check(&self) -> Result<(), String> {
        let entries = self.0.lock().unwrap();
        let of = |counts: &BTreeMap<Key, u64>, key: &Key| counts.get(key).copied().unwrap_or_default();
        let keys = entries.sent.keys().chain(entries.handled.keys()).chain(entries.dead.keys());
        for key in keys {
            let (handled, dead) = (of(&entries.handled, key), of(&entries.dead, key));
            let (sent, asked) = (of(&entries.sent, key), of(&entries.asked, key));
            let (handed, retried) = (of(&entries.handed, key), of(&entries.retried, key));
            let adds_up = match asked {
                // A letter does not show if it was a retained copy, or a copy that was never sent because
                // the mailbox was full. A retry can make the one of the other.
                0 if entries.retained.contains(key) => {
                    sent <= handled + handed + dead + retried && (retried > 0 || handled <= sent)
                }
                0 if retried > 0 => (handled + dead).abs_diff(sent) <= retried,
                0 => sent == handled + dead,
                // A requester does not always learn if its request was sent.
                _ => handled + dead <= asked,
            };
            if !adds_up {
                let counts = format!("handled {handled}, handed {handed}, dead {dead}, retried {retried}");
                return Err(format!("{key:?}: sent {sent}, asked {asked}, {counts}"));
            }
        }
        for (key, came) in &entries.came {
            let count =
                |what: &[&str]| came.iter().filter(|came| what.contains(&came.as_str())).count() as u64;
            let (handled, dead) = (of(&entries.handled, key), of(&entries.dead, key));
            let dead = dead + of(&entries.retried, key);
            let (replied, failed) = (count(&["replied"]), count(&["rejected", "failed", "stopped"]));
            if came.len() as u64 > of(&entries.asked, key) || replied > handled || failed > dead {
                return Err(format!("{key:?}: {came:?}, handled {handled}, dead {dead}"));
            }
        }
        for ((sender, receiver), handled) in &entries.order_handled {
            let mut sent = entries.order_sent.get(sender).into_iter().flatten();
            // A retried letter comes later than it was sent.
            let in_order = |id: &&u64| !entries.retried.contains_key(&(sender.clone(), **id));
            if let Some(id) = handled.iter().filter(in_order).find(|id| !sent.any(|sent| sent == *id)) {
                return Err(format!("{receiver} handled {id} of {sender} out of order: {handled:?}"));
            }
        }
        Ok(())
    }
}

impl<S: tracing::Subscriber> Layer<S> for Ledger {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        if event.metadata().target() == "airssys::component" {
            let mut line = Line::default();
            event.record(&mut line);
            self.read(&line.instance, &line.message);
        }
    }
}

#[derive(Default)]
struct Line {
    instance: String,
    message: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "instance" => self.instance = format!("{value:?}"),
            "message" => self.message = format!("{value:?}"),
            _ => {}
        }
    }
}
