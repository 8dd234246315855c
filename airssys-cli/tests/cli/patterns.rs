//! The guide to messaging: its app runs, and its code is in the app.

use std::fs;

use serde_json::json;

use crate::support::*;

const APP: &str = "examples/patterns/app.toml";

#[test]
fn every_messaging_pattern_ends_as_the_guide_says() {
    let ended = airssys(["run", APP, "--json"]).run().exits(0);
    let outcome = ended.json();
    let [patterns, publications] = outcome["report"]["tables"].as_array().unwrap().as_slice() else {
        panic!("{ended}");
    };
    assert_eq!(
        patterns["rows"],
        json!([
            ["fire and forget", "sent"],
            ["request", "7 apples are left"],
            ["several requests", "6 apples and 3 pears are left"],
            ["a request that is rejected", "there are no plums"],
            ["publish", "1 got it"],
            ["retained message", "published before the subscription"],
            ["a batch to a pool", "6 parcels for 3 packers"],
            ["retry", "delivered at attempt 3"],
            ["a receiver that fails", "known at once"],
            ["a deadlock cycle", "at home: false"],
            ["dead letter", "sent, and rejected by its receiver"],
            ["backpressure", "full after 3"],
        ])
    );
    let expected = json!([["orders.eu.placed", 1], ["parcels.packed", 6], ["prices.apples (retained)", 1]]);
    assert_eq!(publications["rows"], expected);

    assert_eq!(component(&outcome, "packer")["instances"].as_array().unwrap().len(), 3);
    assert_eq!(count(component(&outcome, "packer"), "handled"), 6);
    assert_eq!(count_instances(component(&outcome, "courier"), "restarts"), 3);
    let letters = |reason: &str| {
        let letters = outcome["dead_letters"].as_array().unwrap().iter();
        let matching = letters.filter(|letter| letter["reason"].as_str().unwrap().contains(reason));
        matching.map(|letter| count(letter, "count")).sum::<u64>()
    };
    assert_eq!(letters("rejected: the letter has no address"), 1, "{ended}");
    assert_eq!(letters("rejected: there are no plums"), 1, "{ended}");
    assert_eq!(letters("the parcel is broken"), 1, "{ended}");
    assert_eq!(count(&outcome["summary"], "dead_lettered"), 3, "{ended}");
    ended.says(&["mail: to ada: welcome", "`courier` waits for `customer`"]);
}

#[test]
fn code_of_the_guide_is_code_of_the_app() {
    let sources: String = fs::read_dir(root().join("components/shop/src"))
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let guide = fs::read_to_string(root().join("docs/messaging.md")).unwrap();
    let blocks: Vec<&str> =
        guide.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 10, "the guide has code");
    for block in blocks {
        assert!(sources.contains(block), "this is not in components/shop/src:\n{block}");
    }
}
