//! What was sent and what was handled, as the components' logs say it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// What was sent and what was handled. Clones are one.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Entries>>);

/// By who sent it, and its number.
type Key = (String, u64);

#[derive(Default)]
struct Entries {
    sent: BTreeMap<Key, u64>,
    handled: BTreeMap<Key, u64>,
    dead: BTreeMap<Key, u64>,
    asked: BTreeMap<Key, u64>,
    came: BTreeMap<Key, Vec<String>>,
    /// The numbers that a sender sent, in their order, and those that a receiver had of it.
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
            // For as long as the thread lives.
            std::mem::forget(tracing::dispatcher::set_default(&dispatch));
        })
    }

    /// Notes that a message was taken by so many.
    pub(crate) fn sent(&self, sender: &str, id: u64, times: u64) {
        let mut entries = self.0.lock().unwrap();
        *entries.sent.entry((sender.to_owned(), id)).or_default() += times;
        entries.order_sent.entry(sender.to_owned()).or_default().push(id);
    }

    /// Notes that a message is a dead letter.
    pub(crate) fn dead(&self, sender: &str, id: u64) {
        *self.0.lock().unwrap().dead.entry((sender.to_owned(), id)).or_default() += 1;
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
            "came" => entries.came.entry(key).or_default().push(more.to_owned()),
            "handled" => {
                *entries.handled.entry((more.to_owned(), id)).or_default() += 1;
                let pair = (more.to_owned(), instance.to_owned());
                entries.order_handled.entry(pair).or_default().push(id);
            }
            _ => {}
        }
    }

    /// Whether everything adds up and is in order.
    pub(crate) fn check(&self) -> Result<(), String> {
        let entries = self.0.lock().unwrap();
        let of = |what: &BTreeMap<Key, u64>, key: &Key| what.get(key).copied().unwrap_or_default();
        let keys = entries.sent.keys().chain(entries.handled.keys()).chain(entries.dead.keys());
        for key in keys {
            let (handled, dead) = (of(&entries.handled, key), of(&entries.dead, key));
            let (sent, asked) = (of(&entries.sent, key), of(&entries.asked, key));
            // Whether a request was sent is not always told to who asked.
            if asked == 0 && sent != handled + dead || asked > 0 && handled + dead > asked {
                return Err(format!("{key:?}: sent {sent}, asked {asked}, handled {handled}, dead {dead}"));
            }
        }
        for (key, came) in &entries.came {
            let count =
                |what: &[&str]| came.iter().filter(|came| what.contains(&came.as_str())).count() as u64;
            let (handled, dead) = (of(&entries.handled, key), of(&entries.dead, key));
            let (replied, failed) = (count(&["replied"]), count(&["rejected", "failed", "stopped"]));
            if came.len() as u64 > of(&entries.asked, key) || replied > handled || failed > dead {
                return Err(format!("{key:?}: {came:?}, handled {handled}, dead {dead}"));
            }
        }
        for ((sender, receiver), handled) in &entries.order_handled {
            let mut sent = entries.order_sent.get(sender).into_iter().flatten();
            if let Some(id) = handled.iter().find(|id| !sent.any(|sent| sent == *id)) {
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
