//! Costs of a message with up to ten thousand components, and of a publication with up to a hundred
//! thousand subscriptions.

use airssys_benches::floor::{self, Group};
use airssys_benches::{Bed, MOST, bench_on, criterion, must, spec};
use airssys_wasm::{ComponentSpec, Limits};
use criterion::Criterion;
use test_commands::bench::Order;

const COMPONENTS: [u32; 4] = [10, 100, 1_000, 10_000];

const SUBSCRIPTIONS: [usize; 4] = [100, 1_000, 10_000, 100_000];

const TOPIC: &str = "live.one";

/// Subscriptions of one component.
const OF_EACH: usize = 1_000;

fn main() {
    let mut criterion = criterion();
    components(&mut criterion);
    subscriptions(&mut criterion);
    criterion.final_summary();
}

/// Sends one or eight messages to each component in turn, beside calls on as many instances in
/// turn.
fn components(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scale");
    for components in COMPONENTS {
        for (suffix, in_a_row) in [("", 1), ("_eight_in_a_row", 8)] {
            let floor = format!("floor_component_call_{components}{suffix}");
            floor::calls_in_turn(&mut group, &floor, components as usize, in_a_row.into());
            in_turn(&mut group, &format!("components_{components}{suffix}"), components, in_a_row);
        }
    }
    group.finish();
}

fn in_turn(group: &mut Group<'_>, name: &str, components: u32, in_a_row: u32) {
    let make = || {
        let bed = Bed::new(2, components + 100);
        let names = bed.fill(components);
        (bed, names)
    };
    bench_on(group, name, make, |(bed, names), messages| bed.rounds(names, in_a_row, messages));
}

/// Publishes to one matching subscription among many.
fn subscriptions(criterion: &mut Criterion) {
    floor::beside_calls(criterion, "scale_subscriptions", |group| {
        for count in SUBSCRIPTIONS {
            bench_on(
                group,
                &format!("one_match_among_{count}"),
                || subscribed(count),
                |bed, times| {
                    bed.flood(times, MOST, |times| Order::Publish { topic: TOPIC.to_owned(), times })
                },
            );
        }
    });
}

/// Starts a publisher, a subscriber of its topic, and many subscriptions that do not match.
fn subscribed(count: usize) -> Bed {
    let bed = Bed::pair_with_topic(TOPIC);
    for first in (0..count).step_by(OF_EACH) {
        let topics = first..count.min(first + OF_EACH);
        let subscribes = topics.map(|number| must(format!("idle.{number}.*").parse())).collect();
        let others = spec(format!("others-{first}"), &bed.code);
        let limits = Limits { subscriptions: OF_EACH, ..others.limits.clone() };
        bed.add(ComponentSpec { subscribes, limits, ..others });
    }
    bed
}
