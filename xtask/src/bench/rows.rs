//! The rows of the table, the plots beside it, and the benches that measure them.

use super::row::Source::{Figure as F, Time as T};
use super::row::Target::{AtLeast, AtMost, Ratio as AtMostRatio};
use super::row::{Bench, Plot, Ratio, Row, Section, Series};

const US: f64 = 1e3;
const MS: f64 = 1e6;
const KIB: f64 = 1024.0;

pub(crate) const BENCHES: &[Bench] = &[
    criterion("messages", &["fire_and_forget", "one_entry_per_message", "send_batch", "routing", "payload"]),
    criterion("requests", &["requests"]),
    criterion("publish", &["publish"]),
    criterion("throughput", &["throughput", "bouncing"]),
    criterion("checks", &["registry", "capability", "quota", "audit"]),
    criterion("traces", &["traces"]),
    criterion("languages", &["languages"]),
    criterion("instances", &["spawn", "lifecycle", "cold_start", "recovery"]),
    criterion("live", &["live_10000"]),
    criterion("scale", &["scale", "scale_subscriptions"]),
    criterion("versus", &["versus_request", "versus_stream"]),
    Bench { name: "soak", groups: &["soak"], criterion: false, args: &["--messages", "100000000"] },
];

const fn criterion(name: &'static str, groups: &'static [&'static str]) -> Bench {
    Bench { name, groups, criterion: true, args: &[] }
}

pub(crate) const SECTIONS: &[Section] = &[
    Section { title: "Messages", rows: MESSAGES, ours: true },
    Section { title: "Instances", rows: INSTANCES, ours: true },
    Section { title: "Checks", rows: CHECKS, ours: true },
    Section { title: "Languages", rows: LANGUAGES, ours: true },
    Section { title: "A request, by airssys and its alternatives", rows: VERSUS_REQUEST, ours: false },
    Section { title: "A stream, by airssys and its alternatives", rows: VERSUS_STREAM, ours: false },
    Section { title: "Soak", rows: SOAK, ours: true },
];

const MESSAGES: &[Row] = &[
    Row::time("fire-and-forget, guest to guest", "fire_and_forget/sustained")
        .to(&[T("fire_and_forget/floor_component_call"), T("fire_and_forget/floor_tokio_mpsc")])
        .target(AtMostRatio(1.7)),
    Row::time("the same, one entry per message", "one_entry_per_message/sustained")
        .to(&[T("one_entry_per_message/floor_component_call")])
        .target(AtMostRatio(3.0)),
    Row::time("the same, sender hands over 64 at a time", "send_batch/sustained_64")
        .to(&[T("send_batch/floor_component_call")])
        .target(AtMostRatio(0.9)),
    Row::time("routing alone", "routing/send")
        .to(&[T("routing/floor_component_call")])
        .target(AtMostRatio(1.3)),
    Row::time("request → reply, 64 in flight", "requests/64_in_flight")
        .to(&[T("requests/floor_component_call"), T("requests/floor_tokio_oneshot")])
        .target(AtMostRatio(4.0)),
    Row::figure("request → reply, one at a time, one worker, p50", "requests/one_worker_p50")
        .to(&[T("requests/floor_component_call")])
        .target(AtMostRatio(12.0)),
    Row::figure("the same, p99", "requests/one_worker_p99"),
    Row::figure("request → reply, one at a time, two workers, p50", "requests/two_workers_p50")
        .to(&[T("requests/floor_component_call")])
        .target(AtMostRatio(12.0)),
    Row::figure("the same, p99", "requests/two_workers_p99"),
    Row::time("publish to 100 subscribers, all handled", "publish/100_subscribers")
        .to(&[T("publish/floor_component_call"), T("publish/floor_tokio_mpsc")])
        .target(AtMost(30.0 * US)),
    Row::time("the same, one publication at a time", "publish/100_subscribers_one_at_a_time")
        .to(&[T("publish/floor_component_call")]),
    Row::figure("throughput, 4 pairs on 2 workers", "throughput/four_pairs")
        .ratio(Ratio::OfTime(
            "throughput/four_pairs",
            &[T("throughput/floor_component_call"), T("throughput/floor_tokio_mpsc")],
        ))
        .target(AtLeast(6.12e6)),
    Row::figure("the same, senders hand over 64 at a time", "throughput/four_pairs_64_at_a_time")
        .ratio(Ratio::OfTime("throughput/four_pairs_64_at_a_time", &[T("throughput/floor_component_call")])),
    Row::time("payload of 1 KiB, beside its two copies", "payload/1_kib")
        .to(&[T("payload/floor_passed_on_1_kib"), T("payload/floor_two_copies_1_kib")])
        .target(AtMostRatio(1.5)),
    Row::time("payload of 64 KiB, beside its two copies", "payload/64_kib")
        .to(&[T("payload/floor_passed_on_64_kib"), T("payload/floor_two_copies_64_kib")])
        .target(AtMostRatio(1.5)),
    Row::time("payload of 1 MiB, beside its two copies", "payload/1_mib")
        .to(&[T("payload/floor_passed_on_1_mib"), T("payload/floor_two_copies_1_mib")])
        .target(AtMostRatio(1.5)),
    Row::time("1,000 pairs bouncing, 8 in flight", "bouncing/1000_pairs_8_in_flight")
        .to(&[T("bouncing/floor_component_call"), T("bouncing/floor_tokio_mpsc")])
        .target(AtMost(200.0)),
];

const INSTANCES: &[Row] = &[
    Row::time("spawn, to the first message handled", "spawn/first_message")
        .to(&[T("spawn/floor_instantiate")])
        .target(AtMost(25.0 * US)),
    Row::figure("instances spawned", "spawn/instances_per_second"),
    Row::time("spawn → initialize → handle → shutdown", "lifecycle/spawn_to_shutdown")
        .to(&[T("lifecycle/floor_instantiate")]),
    Row::time("cold start of 5 components, cached", "cold_start/cached").target(AtMost(10.0 * MS)),
    Row::time("the same, the process with its start and end", "cold_start/cached_process"),
    Row::time("cold start of 5 components, from .wasm", "cold_start/from_wasm"),
    Row::time("trap → fresh instance → next handled", "recovery/trap_to_next_message")
        .to(&[T("recovery/floor_instantiate")])
        .target(AtMost(100.0 * US)),
    Row::figure("10,000 live, resident each after a message", "live_10000/resident_each")
        .to(&[F("live_10000/floor_resident_each")])
        .target(AtMost(24.0 * KIB)),
    Row::figure("the same, pages that they share counted once", "live_10000/own_each")
        .to(&[F("live_10000/floor_own_each")]),
    Row::time("10 active among 10,000, beside 10 alone", "live_10000/10_active_among_10000")
        .ratio(Ratio::Figure("live_10000/among_to_alone", "10_active_alone"))
        .target(AtMostRatio(1.2)),
    Row::time("all 10,000 in turn", "live_10000/all_in_turn")
        .to(&[T("live_10000/floor_handle_call"), T("live_10000/floor_component_call")])
        .target(AtMostRatio(1.5)),
    Row::time("all 10,000 in turn, eight in a row", "live_10000/all_in_turn_eight_in_a_row")
        .to(&[
            T("live_10000/floor_handle_call_eight_in_a_row"),
            T("live_10000/floor_component_call_eight_in_a_row"),
        ])
        .target(AtMostRatio(1.5)),
];

const CHECKS: &[Row] = &[
    Row::time("registry lookup among 10", "registry/lookup_10")
        .to(&[T("registry/floor_hash_map_10")])
        .target(AtMost(45.0)),
    Row::time("registry lookup among 1,000", "registry/lookup_1000")
        .to(&[T("registry/floor_hash_map_1000"), T("registry/lookup_10")])
        .target(AtMost(45.0)),
    Row::time("registry lookup among 100,000", "registry/lookup_100000")
        .to(&[T("registry/floor_hash_map_100000")]),
    Row::time("capability check, cached", "capability/cached")
        .target(AtMost(15.0))
        .needs("a host call that does nothing else"),
    Row::time("capability check, uncached", "capability/uncached").target(AtMost(300.0)),
    Row::time("the same, among 8 patterns", "capability/uncached_8_patterns"),
    Row::time("quota check", "quota/check").target(AtMost(20.0)),
    Row::time("the same, and the clock", "quota/check_with_clock"),
    Row::time("audit of every message", "audit/all_messages")
        .ratio(Ratio::Figure("audit/all_messages_to_off", "off"))
        .target(AtMostRatio(1.05)),
    Row::time("audit of denials", "audit/denials_only")
        .ratio(Ratio::Figure("audit/denials_only_to_off", "off")),
    Row::time("trace context carried, no exporter", "traces/carried")
        .ratio(Ratio::Figure("traces/carried_to_not_carried", "not_carried"))
        .target(AtMostRatio(1.02)),
    Row::time("trace context carried, 1 % sampled", "traces/sampled_1_percent")
        .ratio(Ratio::Figure("traces/sampled_1_percent_to_not_carried", "not_carried")),
];

const LANGUAGES: &[Row] = &[
    Row::time("one message to Rust, from outside", "languages/rust")
        .to(&[T("languages/floor_component_call")]),
    Row::time("one message to JavaScript, from outside", "languages/javascript")
        .to(&[T("languages/floor_component_call")])
        .needs("Node.js with npm"),
    Row::time("one message to Python, from outside", "languages/python")
        .to(&[T("languages/floor_component_call")])
        .needs("Python with venv"),
];

const VERSUS_REQUEST: &[Row] = &[
    Row::time("airssys, component to component", "versus_request/airssys"),
    Row::time("wasmtime, an instance per message", "versus_request/wasmtime_per_message")
        .to(&[T("versus_request/airssys")]),
    Row::time("two processes, Unix socket, CBOR", "versus_request/unix_socket")
        .to(&[T("versus_request/airssys")]),
    Row::time("HTTP on loopback", "versus_request/http_loopback").to(&[T("versus_request/airssys")]),
    Row::time("gen_server call in Erlang", "versus_request/erlang_gen_server")
        .to(&[T("versus_request/airssys")])
        .needs("Erlang"),
];

const VERSUS_STREAM: &[Row] = &[
    Row::time("airssys, component to component", "versus_stream/airssys"),
    Row::time("wasmtime, an instance per message", "versus_stream/wasmtime_per_message")
        .to(&[T("versus_stream/airssys")]),
    Row::time("two processes, Unix socket, CBOR", "versus_stream/unix_socket")
        .to(&[T("versus_stream/airssys")]),
    Row::time("cast in Erlang", "versus_stream/erlang_cast")
        .to(&[T("versus_stream/airssys")])
        .needs("Erlang"),
];

const SOAK: &[Row] = &[
    Row::figure("messages of the soak", "soak/messages"),
    Row::figure("each of them", "soak/ns_per_message"),
    Row::figure("resident at the end, beside at 1 %", "soak/resident_at_end")
        .to(&[F("soak/resident_at_1_percent")]),
];

pub(crate) const PLOTS: &[Plot] = &[
    Plot {
        file: "scale",
        title: "A message as components grow",
        x: "components, all of them active in turn",
        note: "At 10,000, each message meets an instance whose memory has left the caches of the processor. Eight in a row \
               share that cost.",
        counts: &[10, 100, 1_000, 10_000],
        series: &[
            Series { name: "message", id: "scale/components_{}", is_floor: false },
            Series { name: "message, 8 in a row", id: "scale/components_{}_eight_in_a_row", is_floor: false },
            Series { name: "empty call", id: "scale/floor_component_call_{}", is_floor: true },
            Series {
                name: "empty call, 8 in a row",
                id: "scale/floor_component_call_{}_eight_in_a_row",
                is_floor: true,
            },
        ],
    },
    Plot {
        file: "subscriptions",
        title: "A publication to one subscriber as subscriptions grow",
        x: "subscriptions, one of which matches",
        note: "The lines are flat, because subscriptions that do not match are never looked at.",
        counts: &[100, 1_000, 10_000, 100_000],
        series: &[
            Series { name: "publication", id: "scale_subscriptions/one_match_among_{}", is_floor: false },
            Series { name: "empty call", id: "scale_subscriptions/floor_component_call", is_floor: true },
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::super::row::{Target, group};
    use super::*;

    #[test]
    fn every_row_is_measured_by_one_bench() {
        let measured_by = |group: &str| BENCHES.iter().filter(|bench| bench.groups.contains(&group)).count();
        for row in SECTIONS.iter().flat_map(|section| section.rows) {
            for source in row.sources() {
                assert_eq!(measured_by(source.group()), 1, "{}", source.id());
                assert_eq!(source.group(), row.value.group(), "a ratio needs one run: {}", source.id());
            }
        }
        for series in PLOTS.iter().flat_map(|plot| plot.series) {
            assert_eq!(measured_by(group(series.id)), 1, "{}", series.id);
        }
    }

    #[test]
    fn every_row_with_a_target_ratio_has_a_ratio() {
        for row in SECTIONS.iter().flat_map(|section| section.rows) {
            let is_ratio = matches!(row.target, Target::Ratio(_));
            assert!(!(is_ratio && matches!(row.ratio, Ratio::None)), "{}", row.name);
        }
    }
}
