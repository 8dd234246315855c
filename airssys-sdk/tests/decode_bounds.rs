//! Decoding any bytes ends in a value or an error, with little memory.
//!
//! This is a binary of its own, because it measures the memory of the whole process.
#![allow(clippy::unwrap_used)]

#[path = "codecs/order.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the other binary")]
mod order;

use std::collections::BTreeMap;

use airssys_sdk::Codec;
use airssys_sdk::codec::{self, Bincode, Borsh, Decode, Encoded, Protobuf, Raw};
use peak_alloc::PeakAlloc;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::{Deserialize, Serialize};

use order::{Order, TYPED, order, write};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most memory that a false length may cost before it is detected, in bytes. Bincode takes the
/// most: up to 4 MiB for each level of sequences, of which the types below have at most three.
const LIMIT_BYTES: usize = 13 << 20;

/// Beginnings of bodies whose length, in one codec or another, is larger than the rest.
const PROMISES: [&[u8]; 15] = [
    &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x9b, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff],
    &[0x5b, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff],
    &[0x7b, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff],
    &[0xbb, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff],
    &[0xdd, 0xff, 0xff, 0xff, 0xff],
    &[0xdf, 0xff, 0xff, 0xff, 0xff],
    &[0xc6, 0xff, 0xff, 0xff, 0xff],
    &[0xdb, 0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff; 8],
    // The longest sequences that bincode accepts of items with 24 bytes, and with 8.
    &[0xaa, 0xaa, 2, 0, 0, 0, 0, 0],
    &[0, 0, 8, 0, 0, 0, 0, 0],
    &[0, 0, 0, 1, 0, 0, 0, 0],
    &[0x22, 0xff, 0xff, 0xff, 0xff, 0x0f],
];

#[derive(Debug, Serialize, Deserialize)]
struct Tree {
    branches: Vec<Tree>,
}

#[derive(Clone, Debug)]
struct Damage {
    at: Index,
    byte: u8,
    cut: Index,
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let one =
        (any::<Index>(), any::<u8>(), any::<Index>()).prop_map(|(at, byte, cut)| Damage { at, byte, cut });
    vec(one, 1..4)
}

/// A valid body with some of its bytes changed and its end cut off.
fn damaged(codec: Codec, order: &Order, damage: &[Damage]) -> Vec<u8> {
    let message = write(codec, order).unwrap();
    let mut body = Codec::split(&message).unwrap().1.to_vec();
    for Damage { at, byte, cut } in damage {
        if let Some(length) = body.len().checked_sub(1).filter(|length| *length > 0) {
            body[at.index(length)] ^= byte;
            body.truncate(length + 1 - cut.index(length).min(2));
        }
    }
    body
}

fn promising() -> impl Strategy<Value = Vec<u8>> {
    let promise = prop_oneof![select(&PROMISES[..]).prop_map(<[u8]>::to_vec), vec(any::<u8>(), 0..12)];
    vec(promise, 1..6).prop_map(|parts| parts.concat())
}

/// Decodes the body and checks the most memory that it took. The result does not matter.
fn costs_little<T: Decode>(codec: Codec, body: &[u8]) {
    let message = codec.message(body);
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    drop(codec::decode::<T>(&message));
    let peak = MEMORY.peak_usage().saturating_sub(before);
    assert!(peak < LIMIT_BYTES, "{peak} bytes for {} in {codec}: {body:02x?}", std::any::type_name::<T>());
}

/// Decodes the body as each type that a component could ask for.
fn every_type_costs_little(codec: Codec, body: &[u8]) {
    type Stock = BTreeMap<String, Vec<Vec<u64>>>;
    costs_little::<Order>(codec, body);
    costs_little::<Vec<Vec<Order>>>(codec, body);
    costs_little::<Stock>(codec, body);
    costs_little::<Tree>(codec, body);
    costs_little::<Vec<()>>(codec, body);
    costs_little::<Borsh<Vec<Vec<Order>>>>(codec, body);
    costs_little::<Borsh<Stock>>(codec, body);
    costs_little::<Borsh<Vec<()>>>(codec, body);
    costs_little::<Bincode<Vec<Vec<Order>>>>(codec, body);
    costs_little::<Bincode<Stock>>(codec, body);
    costs_little::<Bincode<Vec<Vec<String>>>>(codec, body);
    costs_little::<Bincode<Vec<()>>>(codec, body);
    costs_little::<Protobuf<Order>>(codec, body);
    costs_little::<Raw<Vec<u8>>>(codec, body);
    costs_little::<Encoded<Vec<u8>>>(codec, body);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decoding_never_panics_or_takes_much_memory(
        bytes in vec(any::<u8>(), 0..256),
        promising in promising(),
        order in order(),
        damage in damage(),
    ) {
        for codec in TYPED {
            every_type_costs_little(codec, &bytes);
            every_type_costs_little(codec, &promising);
            every_type_costs_little(codec, &damaged(codec, &order, &damage));
        }
        // As a message, mostly without a known prefix.
        drop(codec::decode::<Order>(&bytes));
    }
}
