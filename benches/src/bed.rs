//! A host with instances of `test-bench`, and the orders they get.

use std::time::{Duration, Instant};

use airssys_message::{Accepts, Codec};
use airssys_rt::{ActorSystem, RestartStrategy, SupervisorConfig};
use airssys_wasm::limits::Rates;
use airssys_wasm::{
    Capabilities, Component, ComponentHost, ComponentSpec, HostOptions, Limits, TraceContext,
};
use serde::de::DeserializeOwned;
use test_commands::bench::{Count, Order, Reading};
use tokio::runtime::Runtime;

use crate::floor::share;
use crate::{LONG, component, engine, must, workers};

/// The most readings of one order, well below the limit on execution time.
pub const MOST: u64 = 50_000;

/// Trace context of messages from outside.
pub const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Rates too high to reach: every message is checked, and all pass.
const RATES: Rates = Rates {
    messages_per_second: Some(100_000_000),
    messages_burst: None,
    bytes_per_second: Some(1 << 40),
    bytes_burst: None,
};

/// A host with instances of `test-bench`. Every check is on: capabilities, rates, codecs and stats.
/// Each message belongs to a trace.
pub struct Bed {
    /// The runtime with its workers.
    pub runtime: Runtime,
    /// The host.
    pub host: ComponentHost,
    /// The code of `test-bench`.
    pub code: Component,
    /// The trace that orders belong to.
    pub trace: Option<TraceContext>,
}

/// The messages that instances must have handled when a measurement ends.
#[derive(Clone, Debug)]
pub struct Handled<'a> {
    /// The names of the instances.
    pub by: &'a [String],
    /// The number of messages, over all instances.
    pub messages: u64,
}

/// Returns `test-bench` under this name, with all defaults and with rates.
pub fn spec(name: impl Into<String>, code: &Component) -> ComponentSpec {
    let all = [Codec::Cbor, Codec::Json, Codec::Raw];
    ComponentSpec {
        capabilities: Capabilities::everything(),
        accepts: must(Accepts::of(all).ok_or("codecs")),
        limits: Limits { rates: RATES, ..Limits::DEFAULT },
        ..ComponentSpec::new(name, code.clone())
    }
}

/// As [`spec`], for an instance that answers each reading with itself.
pub fn answering(name: impl Into<String>, code: &Component) -> ComponentSpec {
    ComponentSpec { config: vec![("answers".to_owned(), "yes".into())], ..spec(name, code) }
}

/// Encodes an order as a message.
pub fn order(order: &Order) -> Vec<u8> {
    Codec::Json.message(&must(serde_json::to_vec(order)))
}

/// Encodes a reading as a message: at most two bytes of prefix, and 64 of body.
pub fn reading(number: u32) -> Vec<u8> {
    let mut message = Vec::new();
    Codec::Cbor.write_prefix(&mut message);
    must(ciborium::into_writer(&Reading::new(number), &mut message));
    message
}

impl Bed {
    /// Makes a host with this many workers and instances.
    pub fn new(count: usize, max_instances: u32) -> Bed {
        Bed::with_options(count, max_instances, HostOptions::default())
    }

    /// As [`Bed::new`], with these options.
    pub fn with_options(count: usize, max_instances: u32, options: HostOptions) -> Bed {
        let runtime = workers(count);
        let supervisor = SupervisorConfig {
            max_restarts: u32::MAX,
            restart_strategy: RestartStrategy::Immediate,
            ..SupervisorConfig::default()
        };
        let code = must(component(&must(engine(max_instances)), "test-bench"));
        let host = {
            let _entered = runtime.enter();
            let system = ActorSystem::builder("bench").supervisor(supervisor).build();
            must(ComponentHost::with_options(system, options))
        };
        Bed { runtime, host, code, trace: TRACE.parse().ok() }
    }

    /// As [`Bed::new`] on two workers, with a sender `a` and a counter `b`.
    pub fn pair() -> Bed {
        Bed::pair_with(HostOptions::default())
    }

    /// As [`Bed::pair`], with `b` subscribed to this topic, and room for other instances.
    pub fn pair_with_topic(topic: &str) -> Bed {
        let bed = Bed::new(2, 200);
        bed.add(spec("a", &bed.code));
        let subscribes = vec![must(topic.parse())];
        bed.add(ComponentSpec { subscribes, ..spec("b", &bed.code) });
        bed
    }

    /// As [`Bed::pair`], with these options.
    pub fn pair_with(options: HostOptions) -> Bed {
        let bed = Bed::with_options(2, 100, options);
        bed.add(spec("a", &bed.code));
        bed.add(spec("b", &bed.code));
        bed
    }

    /// Runs a future on a worker, and waits for it.
    pub fn on_worker<R: Send + 'static>(&self, work: impl Future<Output = R> + Send + 'static) -> R {
        must(self.runtime.block_on(self.runtime.spawn(work)))
    }

    /// Starts a component.
    pub fn add(&self, spec: ComponentSpec) {
        must(self.runtime.block_on(self.host.spawn(spec)));
    }

    /// Returns the number of messages that these instances have counted.
    pub fn counted(&self, by: &[String]) -> u64 {
        by.iter().map(|name| self.count(name).messages).sum()
    }

    /// Returns the counts of an instance.
    pub fn count(&self, name: &str) -> Count {
        self.ask(name, &Order::Count)
    }

    /// Gives an instance an order, and reads its reply.
    pub fn ask<R: DeserializeOwned>(&self, name: &str, what: &Order) -> R {
        let reply = must(self.runtime.block_on(self.host.request(name, order(what), LONG)));
        let (_, body) = must(Codec::split(&reply));
        must(serde_json::from_slice(body))
    }

    /// Measures the time in which the instances carry out their orders, one after the other. It
    /// ends when all resulting messages are handled.
    ///
    /// # Panics
    /// If an instance fails an order, or a message is lost.
    pub fn run(&self, orders: Vec<(String, Vec<Order>)>, handled: &Handled<'_>) -> Duration {
        let before = self.counted(handled.by);
        let orders: Vec<(String, Vec<Vec<u8>>)> =
            orders.into_iter().map(|(name, orders)| (name, orders.iter().map(order).collect())).collect();
        let took = self.runtime.block_on(async {
            let began = Instant::now();
            let mut obeying = Vec::with_capacity(orders.len());
            for (name, orders) in orders {
                let (host, trace) = (self.host.clone(), self.trace);
                obeying.push(tokio::spawn(async move {
                    for order in orders {
                        must(match trace {
                            Some(trace) => host.in_trace(trace).request(&name, order, LONG).await,
                            None => host.request(&name, order, LONG).await,
                        });
                    }
                }));
            }
            for one in obeying {
                must(one.await);
            }
            self.host.drained().await;
            began.elapsed()
        });
        let counted = self.counted(handled.by) - before;
        assert_eq!(
            counted, handled.messages,
            "{} messages were sent, and {counted} were handled",
            handled.messages
        );
        took
    }

    /// Measures the time in which `a` sends messages to `b`, at most `most` for each order.
    pub fn flood(&self, messages: u64, most: u64, order: impl Fn(u32) -> Order) -> Duration {
        let sent = at_least(messages, most);
        let by = ["b".to_owned()];
        let told = vec![("a".to_owned(), orders(sent, most, order))];
        share(self.run(told, &Handled { by: &by, messages: sent }), messages, sent)
    }

    /// Starts counters `c-0`, `c-1` and so on, and a sender `a` with a route to each. Returns the
    /// names of the counters.
    pub fn fill(&self, components: u32) -> Vec<String> {
        let sender = spec("a", &self.code);
        let limits = Limits { routes: components as usize + 1, ..sender.limits.clone() };
        self.add(ComponentSpec { limits, ..sender });
        let names: Vec<String> = (0..components).map(|number| format!("c-{number}")).collect();
        for name in &names {
            self.add(spec(name, &self.code));
        }
        names
    }

    /// Measures the time in which `a` sends messages to these in turn, `in_a_row` to each. It sends
    /// at least one round.
    pub fn rounds(&self, names: &[String], in_a_row: u32, messages: u64) -> Duration {
        let of_a_round = names.len() as u64 * u64::from(in_a_row);
        let rounds = at_least(messages, MOST).div_ceil(of_a_round);
        let components = must(u32::try_from(names.len()));
        let order = |times| Order::Round { prefix: "c".to_owned(), components, in_a_row, times };
        let orders = orders(rounds, MOST.div_ceil(of_a_round), order);
        let handled = Handled { by: names, messages: rounds * of_a_round };
        share(self.run(vec![("a".to_owned(), orders)], &handled), messages, handled.messages)
    }

    /// Returns this bed without a trace for orders.
    pub fn untraced(mut self) -> Bed {
        self.trace = None;
        self
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.runtime.block_on(self.host.shutdown(LONG));
    }
}

/// Returns `messages`, or more if one-off costs would matter: start, end and the orders themselves.
/// If more are sent than asked for, [`share`] gives the time of those asked for.
pub fn at_least(messages: u64, most: u64) -> u64 {
    messages.max(most / 5)
}

/// Splits messages into orders of at most `most`.
pub fn orders(messages: u64, most: u64, order: impl Fn(u32) -> Order) -> Vec<Order> {
    let mut left = messages;
    let mut orders = Vec::new();
    while left > 0 {
        let now = left.min(most);
        orders.push(order(u32::try_from(now).unwrap_or(u32::MAX)));
        left -= now;
    }
    orders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_has_64_bytes() {
        for number in [0, 1_000_000] {
            let message = reading(number);
            let (codec, body) = Codec::split(&message).unwrap();
            assert_eq!((codec, body.len()), (Codec::Cbor, 64));
        }
    }

    #[test]
    fn orders_add_up() {
        let order = |times| Order::Send { to: "b".to_owned(), times };
        let times = |order: &Order| match order {
            Order::Send { times, .. } => u64::from(*times),
            _ => 0,
        };
        assert_eq!(orders(120_001, MOST, order).iter().map(times).sum::<u64>(), 120_001);
        assert!(orders(0, MOST, order).is_empty());
    }
}
