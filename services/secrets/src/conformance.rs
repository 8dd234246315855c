//! The scenarios that every backend has to pass.
//!
//! They go through a component, `components/test-secrets`, so that they test the interface too.
//! A failure is a panic that names the scenario.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the scenarios are tests")]

mod rights;
mod subject;
mod values;

pub use subject::Subject;
pub use test_secrets_calls::{Answer, Call};

/// Runs every scenario, one after the other, each on lockers of its own.
///
/// # Panics
/// With the names of the scenarios that do not pass.
pub async fn run_all(subject: &Subject) {
    let scenarios = airssys_conformance::scenarios![
        values::any_bytes_are_kept_under_any_name,
        values::lockers_are_apart,
        values::list_follows_its_cursor_to_every_name,
        values::arguments_beyond_their_bounds_are_refused,
        values::concurrent_writes_are_all_kept,
        rights::each_call_needs_its_right,
        rights::revoked_right_counts_at_the_next_call,
    ];
    airssys_conformance::run(subject, &scenarios).await;
}
