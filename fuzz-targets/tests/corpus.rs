//! The fuzz targets, over their corpora and over random inputs derived from them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use airssys_fuzz_targets::{TARGETS, Target};

/// Number of random inputs for each target. Each takes 10 to 200 µs.
const MADE: usize = 20_000;

/// Maximum length of a random input.
const LONGEST: usize = 4_096;

/// Parts that random inputs are made of, besides parts of the corpus and single bytes.
const WORDS: [&[u8]; 20] = [
    b"*",
    b".",
    b"/",
    b"\n",
    b" ",
    b"\"",
    b"[",
    b"]",
    b"=",
    b"{",
    b"}",
    b"''",
    b"\x00",
    b"\xff",
    b"\x80",
    b"-1",
    b"18446744073709551616",
    b"\xf0\x9f\xa6\x80",
    b"[capabilities]",
    b"\"x/*\"",
];

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name)
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<_> =
        std::fs::read_dir(corpus(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn try_out(name: &str, target: Target, input: &[u8]) {
    if catch_unwind(|| target(input)).is_err() {
        panic!(
            "the property of {name} does not hold for {:?}\n(as bytes: {input:?})",
            String::from_utf8_lossy(input)
        );
    }
}

/// Makes a random input from some seeds.
fn make(seeds: &[Vec<u8>], lots: &mut fastrand::Rng) -> Vec<u8> {
    let mut input = lots.choice(seeds).cloned().unwrap_or_default();
    for _ in 0..lots.usize(1..6) {
        let at = lots.usize(0..=input.len());
        let end = lots.usize(at..=input.len().min(at + 32));
        match lots.u8(0..7) {
            0 if at < input.len() => input[at] ^= 1 << lots.u8(0..8),
            1 if at < input.len() => input[at] = lots.u8(..),
            2 => drop(input.drain(at..end)),
            3 => drop(input.splice(at..at, WORDS[lots.usize(0..WORDS.len())].iter().copied())),
            4 => {
                let part = input[at..end].to_vec();
                let to = lots.usize(0..=input.len());
                drop(input.splice(to..to, part));
            }
            5 => {
                let other = lots.choice(seeds).cloned().unwrap_or_default();
                let from = lots.usize(0..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => input.insert(at, lots.u8(..)),
        }
        input.truncate(LONGEST);
    }
    input
}

/// Runs a target over its corpus, and over random inputs derived from it. The inputs are the same
/// each time.
fn run(name: &str, made: usize) {
    let target = TARGETS.iter().find(|target| target.0 == name).unwrap().1;
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "the corpus of {name} is empty");
    seeds.iter().for_each(|seed| try_out(name, target, seed));
    let mut lots = fastrand::Rng::with_seed(22);
    for _ in 0..made {
        try_out(name, target, &make(&seeds, &mut lots));
    }
}

#[test]
fn every_target_has_a_corpus_folder() {
    let mut folders: Vec<_> = std::fs::read_dir(corpus(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(folders, TARGETS.map(|target| target.0));
}

#[test]
fn every_target_has_a_program() {
    let manifest = std::fs::read_to_string(corpus("").join("../Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")),
            "{name}"
        );
        let program = std::fs::read_to_string(corpus("").join(format!("../fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("airssys_fuzz_targets::{name}(data)")), "{name}");
    }
}

#[test]
fn app_manifest() {
    run("app_manifest", MADE / 4);
}

#[test]
fn capabilities() {
    run("capabilities", MADE);
}

#[test]
fn codec_prefix() {
    run("codec_prefix", MADE);
}

#[test]
fn component() {
    run("component", MADE / 50);
}

#[test]
fn component_manifest() {
    run("component_manifest", MADE / 2);
}

#[test]
fn control_lines() {
    run("control_lines", MADE);
}

#[test]
fn name_patterns() {
    run("name_patterns", MADE);
}

#[test]
fn runtime_file() {
    run("runtime_file", MADE / 4);
}

#[test]
fn sdk_values() {
    run("sdk_values", MADE / 2);
}

#[test]
fn shown_texts() {
    run("shown_texts", MADE);
}

#[test]
fn topic_patterns() {
    run("topic_patterns", MADE);
}

#[test]
fn traceparent() {
    run("traceparent", MADE);
}
