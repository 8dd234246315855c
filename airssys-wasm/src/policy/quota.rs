//! Rate limits on the messages of a component.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use airssys_spec::Limits;
use airssys_spec::limits::Rates;
use tokio::time::Instant;

use crate::policy::clock::Clock;
use crate::policy::rate::{Bucket, Rate, Taken};

/// The rate limits of a component, shared by all incarnations of its instances.
pub(crate) struct Quota {
    clock: Clock,
    /// The limits on all messages. `None` if the manifest sets none.
    total: Option<Buckets>,
    /// The limits on the messages to single targets.
    per_target: Vec<Arc<Buckets>>,
    /// The limit on calls of services.
    service_calls: Bucket,
    /// The limits on outgoing HTTP requests, and on the bytes of their bodies.
    outgoing_requests: Bucket,
    outgoing_bytes: Bucket,
}

/// The token buckets of one set of rate limits.
pub(crate) struct Buckets {
    /// The component that a per-target limit applies to. `None` for the limits on all messages.
    target: Option<Arc<str>>,
    messages: Option<Bucket>,
    bytes: Option<Bucket>,
}

/// The name of a limit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QuotaLimit {
    /// The key in the manifest.
    pub(crate) key: &'static str,
    /// The component that a per-target limit applies to.
    pub(crate) target: Option<Arc<str>>,
}

/// A limit that a component reached, with its value.
#[derive(Debug)]
pub(crate) struct Exceeded {
    pub(crate) limit: QuotaLimit,
    pub(crate) most: u64,
}

impl Quota {
    pub(crate) fn new(limits: &Limits, clock: Clock) -> Quota {
        let per_target = limits.per_target.iter().filter_map(|limit| {
            Buckets::new(Some(Arc::from(limit.target.as_str())), &limit.rates).map(Arc::new)
        });
        let (per_target, total) = (per_target.collect(), Buckets::new(None, &limits.rates));
        let bucket = |limit: usize| Bucket::new(Rate { per_second: limit as u64, burst: limit as u64 });
        let service_calls = bucket(limits.service_calls_per_second);
        let outgoing_requests = bucket(limits.outgoing_requests_per_second);
        let outgoing_bytes = bucket(limits.outgoing_bytes_per_second);
        Quota { clock, total, per_target, service_calls, outgoing_requests, outgoing_bytes }
    }

    /// Returns the per-target limits on messages to a component or one of its instances.
    pub(crate) fn for_target(&self, name: &str) -> Option<Arc<Buckets>> {
        let component = name.split('/').next();
        self.per_target.iter().find(|buckets| buckets.target.as_deref() == component).cloned()
    }

    /// Takes the tokens of one message of `bytes` bytes from all buckets. On an error, every bucket
    /// is left as it was.
    pub(crate) fn take(
        &self,
        per_target: Option<&Buckets>,
        bytes: usize,
        now: Instant,
    ) -> Result<(), Exceeded> {
        if self.total.is_none() && per_target.is_none() {
            return Ok(());
        }
        let now = self.clock.ns_at(now);
        let bytes = bytes as u64;
        let total = match &self.total {
            Some(total) => Some((total, total.take(bytes, now)?)),
            None => None,
        };
        let Some(per_target) = per_target else { return Ok(()) };
        per_target.take(bytes, now).map(drop).inspect_err(|_| {
            if let Some((total, taken)) = total {
                total.put_back(taken);
            }
        })
    }

    /// Takes the token of one call of a service.
    pub(crate) fn take_service_call(&self) -> Result<(), Exceeded> {
        self.take_one(&self.service_calls, "service_calls_per_second")
    }

    /// Takes the token of one outgoing HTTP request.
    pub(crate) fn take_outgoing_request(&self) -> Result<(), Exceeded> {
        self.take_one(&self.outgoing_requests, "outgoing_requests_per_second")
    }

    fn take_one(&self, bucket: &Bucket, key: &'static str) -> Result<(), Exceeded> {
        match bucket.take(1, self.clock.now_ns()) {
            Some(_taken) => Ok(()),
            None => {
                let limit = QuotaLimit { key, target: None };
                Err(Exceeded { limit, most: bucket.rate().per_second })
            }
        }
    }

    /// Takes the tokens of at most so many bytes of outgoing HTTP. Returns their number, or the limit and
    /// the time after which there are as many as were asked for.
    pub(crate) fn take_outgoing_bytes(&self, bytes: u64) -> Result<u64, (Exceeded, Duration)> {
        let bucket = &self.outgoing_bytes;
        let (rate, now) = (bucket.rate(), self.clock.now_ns());
        // The bucket never holds more than its burst.
        let wanted = bytes.min(rate.burst);
        match bucket.take(wanted, now) {
            Some(_taken) => Ok(wanted),
            None => {
                let limit = QuotaLimit { key: "outgoing_bytes_per_second", target: None };
                let missing = wanted.saturating_sub(bucket.left(now)).max(1);
                let wait = Duration::from_secs_f64(missing as f64 / rate.per_second as f64);
                Err((Exceeded { limit, most: rate.per_second }, wait))
            }
        }
    }

    /// Returns the name, the used part and the size of each bucket's burst.
    pub(crate) fn used(&self) -> Vec<(String, u64, u64)> {
        let now = self.clock.now_ns();
        let per_target = self.per_target.iter().map(|buckets| &**buckets);
        let mut used = Vec::new();
        for buckets in self.total.iter().chain(per_target) {
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

/// The tokens taken from a set of buckets. They are put back if another bucket lacks tokens.
struct TakenTokens {
    messages: Option<Taken>,
    bytes: Option<Taken>,
}

impl Buckets {
    fn new(target: Option<Arc<str>>, rates: &Rates) -> Option<Buckets> {
        let (messages, bytes) = (rates.messages().map(Bucket::new), rates.bytes().map(Bucket::new));
        (messages.is_some() || bytes.is_some()).then_some(Buckets { target, messages, bytes })
    }

    fn take(&self, bytes: u64, now_ns: u64) -> Result<TakenTokens, Exceeded> {
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
                    self.put_back(TakenTokens { messages, bytes: None });
                    let rate = bucket.rate();
                    return Err(match bytes > rate.burst {
                        // The bucket never holds that many tokens, so a retry would fail too.
                        true => self.exceeded("bytes_burst", rate.burst),
                        false => self.exceeded("bytes_per_second", rate.per_second),
                    });
                }
            },
            None => None,
        };
        Ok(TakenTokens { messages, bytes: taken })
    }

    fn put_back(&self, taken: TakenTokens) {
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
    /// Returns the error for a limit on the instance itself, by its key in the manifest.
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
