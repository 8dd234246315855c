//! What a component may send, and how often it wanted more than any of its limits allows.

use std::fmt;
use std::sync::Arc;

use airssys_spec::Limits;
use airssys_spec::limits::Rates;
use tokio::time::Instant;

use crate::policy::clock::Clock;
use crate::policy::rate::Bucket;

/// What a component may send, all of its instances together and over all their incarnations, and
/// how often it was refused because a limit of its own was reached.
pub(crate) struct Quota {
    clock: Clock,
    /// None if nothing limits it.
    whole: Option<Buckets>,
    edges: Vec<Arc<Buckets>>,
}

/// The rates of a component, or of what it sends to one other.
pub(crate) struct Buckets {
    /// Whom it is sent to, if it is not about all.
    target: Option<Arc<str>>,
    messages: Option<Bucket>,
    bytes: Option<Bucket>,
}

/// Which limit was reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QuotaLimit {
    /// Its key in the manifest.
    pub(crate) key: &'static str,
    /// The only target that it is about, if it is not about all.
    pub(crate) target: Option<Arc<str>>,
}

/// A limit that was reached.
#[derive(Debug)]
pub(crate) struct Exceeded {
    pub(crate) limit: QuotaLimit,
    pub(crate) most: u64,
}

impl Quota {
    pub(crate) fn new(limits: &Limits, clock: Clock) -> Quota {
        let edges = limits.edges.iter().filter_map(|edge| {
            Buckets::new(Some(Arc::from(edge.target.as_str())), &edge.rates).map(Arc::new)
        });
        let (edges, whole) = (edges.collect(), Buckets::new(None, &limits.rates));
        Quota { clock, whole, edges }
    }

    /// The rates of what is sent to this name, if there are any for it alone.
    pub(crate) fn edge(&self, name: &str) -> Option<Arc<Buckets>> {
        let component = name.split('/').next();
        self.edges.iter().find(|edge| edge.target.as_deref() == component).cloned()
    }

    /// Takes from all rates what a message of so many bytes costs at this time, or from none.
    pub(crate) fn take(&self, edge: Option<&Buckets>, bytes: usize, now: Instant) -> Result<(), Exceeded> {
        if self.whole.is_none() && edge.is_none() {
            return Ok(());
        }
        let now = self.clock.ns_at(now);
        let bytes = bytes as u64;
        let whole = match &self.whole {
            Some(whole) => Some((whole, whole.take(bytes, now)?)),
            None => None,
        };
        let Some(edge) = edge else { return Ok(()) };
        edge.take(bytes, now).map(drop).inspect_err(|_| {
            if let Some((whole, taken)) = whole {
                whole.put_back(taken);
            }
        })
    }

    /// Each rate: its name, how much of the most at once is used, and that most.
    pub(crate) fn used(&self) -> Vec<(String, u64, u64)> {
        let now = self.clock.now_ns();
        let edges = self.edges.iter().map(|edge| &**edge);
        let mut used = Vec::new();
        for buckets in self.whole.iter().chain(edges) {
            for (key, bucket) in [("messages_burst", &buckets.messages), ("bytes_burst", &buckets.bytes)] {
                let Some(bucket) = bucket else { continue };
                let burst = bucket.rate().burst;
                let name = QuotaLimit { key, target: buckets.target.clone() }.to_string();
                used.push((name, burst.saturating_sub(bucket.left(now)), burst));
            }
        }
        used
    }
}

/// What was taken from the buckets, to be put back if others have not enough.
struct TakenOfBoth {
    messages: Option<crate::policy::rate::Taken>,
    bytes: Option<crate::policy::rate::Taken>,
}

impl Buckets {
    fn new(target: Option<Arc<str>>, rates: &Rates) -> Option<Buckets> {
        let (messages, bytes) = (rates.messages().map(Bucket::new), rates.bytes().map(Bucket::new));
        (messages.is_some() || bytes.is_some()).then_some(Buckets { target, messages, bytes })
    }

    fn take(&self, bytes: u64, now_ns: u64) -> Result<TakenOfBoth, Exceeded> {
        let messages = match &self.messages {
            Some(bucket) => {
                let taken = bucket.take(1, now_ns);
                Some(taken.ok_or_else(|| self.exceeded("messages_per_second", bucket.rate().per_second))?)
            }
            None => None,
        };
        let taken = match &self.bytes {
            Some(bucket) => match bucket.take(bytes, now_ns) {
                Some(taken) => Some(taken),
                None => {
                    self.put_back(TakenOfBoth { messages, bytes: None });
                    let rate = bucket.rate();
                    return Err(match bytes > rate.burst {
                        // No wait would help.
                        true => self.exceeded("bytes_burst", rate.burst),
                        false => self.exceeded("bytes_per_second", rate.per_second),
                    });
                }
            },
            None => None,
        };
        Ok(TakenOfBoth { messages, bytes: taken })
    }

    fn put_back(&self, taken: TakenOfBoth) {
        for (bucket, taken) in [(&self.messages, taken.messages), (&self.bytes, taken.bytes)] {
            if let (Some(bucket), Some(taken)) = (bucket, taken) {
                bucket.put_back(taken);
            }
        }
    }

    fn exceeded(&self, key: &'static str, most: u64) -> Exceeded {
        Exceeded { limit: QuotaLimit { key, target: self.target.clone() }, most }
    }
}

impl Exceeded {
    /// A limit of the instance itself, by its key in the manifest.
    pub(crate) fn of(key: &'static str, most: usize) -> Exceeded {
        Exceeded { limit: QuotaLimit { key, target: None }, most: most as u64 }
    }
}

impl fmt::Display for QuotaLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Some(target) => write!(f, "{} to {target}", self.key),
            None => f.write_str(self.key),
        }
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: at most {}", self.limit, self.most)
    }
}
