//! Reasons that lead to each other: chains of links, and supervisors that give up one after another.

use std::sync::Arc;
use std::time::Duration;

use airssys_core::{Down, ExitReason, Identity, SupervisorFailure};

const LONG: u64 = 100_000;

fn down(id: u64, reason: ExitReason) -> Arc<Down> {
    let actor = Identity { name: format!("actor-{id}").into(), id };
    Arc::new(Down::new(actor, reason, true))
}

fn failed() -> ExitReason {
    ExitReason::Error(Arc::new(std::fmt::Error))
}

fn gave_up(id: u64, reason: ExitReason) -> ExitReason {
    let failure = SupervisorFailure::new(format!("child-{id}"), reason, 3, Duration::from_secs(5));
    ExitReason::Escalated(Arc::new(failure))
}

/// The errors behind a reason, the nearest first.
fn sources(reason: &ExitReason) -> Vec<String> {
    std::iter::successors(reason.source(), |error| (*error).source()).map(ToString::to_string).collect()
}

#[test]
fn chain_of_links_keeps_the_first_and_its_reason() {
    let mut reason = failed();
    for id in 0..LONG {
        reason = ExitReason::Linked(down(id, reason).first());
    }
    assert_eq!(reason.to_string(), format!("failed with `actor-0`, which failed: {}", std::fmt::Error));
    assert_eq!(reason.without_source().to_string(), "failed with `actor-0`, which failed");
    assert_eq!(sources(&reason), [std::fmt::Error.to_string()]);
    assert!(format!("{reason:?}").len() < 200);
}

/// Nested by hand, without `first`.
#[test]
fn end_with_a_linked_reason_does_not_nest_another() {
    let mut reason = failed();
    for id in 0..LONG {
        reason = ExitReason::Linked(down(id, reason));
    }
    assert!(reason.to_string().len() < 200, "{reason}");
    assert!(format!("{reason:?}").len() < 400);
}

#[test]
fn chain_of_supervisors_that_give_up_keeps_the_first_and_the_last() {
    let mut reason = failed();
    for id in 0..16 {
        reason = gave_up(id, reason);
    }
    assert_eq!(sources(&reason).len(), 17, "every one of them, and the error");
    for id in 16..LONG {
        reason = gave_up(id, reason);
        let sources = sources(&reason);
        assert!(sources.len() <= 17, "{}", sources.len());
        assert_eq!(sources[0], format!("`child-{id}` gave up after 3 restarts within 5s"));
        assert_eq!(sources[sources.len() - 2], "`child-0` failed after 3 restarts within 5s");
    }
    assert!(format!("{reason:?}").len() < 4000);
}

/// An actor fails with its children, linked actors with it, and their supervisor gives up, and so on.
#[test]
fn links_between_supervisors_that_give_up_do_not_nest_without_a_bound() {
    let mut reason = failed();
    for id in 0..LONG {
        reason = gave_up(id, ExitReason::Linked(down(id, reason).first()));
    }
    assert!(sources(&reason).len() <= 17);
    assert!(reason.to_string().len() < 200, "{reason}");
    assert!(format!("{reason:?}").len() < 8000);
}
