//! The scenarios that every backend has to pass.
//!
//! They go through a component, `components/test-keyvalue`, so that they test the interfaces too.
//! A failure is a panic that names the scenario.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the scenarios are tests")]

mod expiry;
mod keys;
mod rights;
mod subject;
mod values;

pub use subject::Subject;
pub use test_keyvalue_calls::{Answer, Api, Call, When};

/// Runs every scenario, one after the other, each on labels of its own.
///
/// # Panics
/// With the names of the scenarios that do not pass.
pub async fn run_all(subject: &Subject) {
    let scenarios = airssys_conformance::scenarios![
        values::any_bytes_are_kept_under_any_key,
        values::increment_of_a_missing_key_counts_from_zero,
        values::increment_that_an_interface_cannot_answer_has_no_effect,
        values::increment_of_another_value_changes_nothing,
        values::concurrent_increments_are_all_counted,
        values::swap_fails_if_the_value_has_changed_and_gives_the_present_one,
        values::condition_of_a_write_holds_for_one_of_many_writers,
        keys::get_many_keeps_order_and_holes,
        keys::set_many_and_delete_many_change_all_keys,
        keys::list_follows_its_cursor_to_every_key_of_a_prefix,
        keys::labels_are_apart,
        keys::arguments_beyond_their_bounds_are_refused,
        expiry::expired_key_is_absent_everywhere,
        expiry::value_without_a_time_to_live_never_expires,
        rights::each_call_needs_its_right,
        rights::revoked_right_counts_at_the_next_call,
    ];
    airssys_conformance::run(subject, &scenarios).await;
}
