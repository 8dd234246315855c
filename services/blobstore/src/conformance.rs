//! The scenarios that every backend has to pass.
//!
//! They go through a component, `components/test-blobstore`, so that they test the interface too.
//! A failure is a panic that names the scenario.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the scenarios are tests")]

mod containers;
mod objects;
mod rights;
mod subject;

pub use subject::Subject;
pub use test_blobstore_calls::{Answer, Call, Order};

/// Runs every scenario, one after the other, each on containers of its own.
///
/// # Panics
/// With the names of the scenarios that do not pass.
pub async fn run_all(subject: &Subject) {
    let scenarios = airssys_conformance::scenarios![
        objects::any_bytes_are_kept_under_any_name,
        objects::ranges_are_inclusive_and_cut_at_the_end,
        objects::large_object_is_streamed_in_and_out,
        objects::value_that_is_not_finished_changes_nothing,
        objects::value_stays_readable_after_its_object_is_deleted,
        objects::absent_object_is_told_apart,
        objects::copy_and_move_replace_objects_within_and_across_containers,
        objects::bytes_before_a_name_are_bounded,
        objects::open_values_are_bounded,
        containers::containers_are_created_listed_cleared_and_removed,
        containers::list_gives_every_name_once_in_pages,
        containers::arguments_beyond_their_bounds_are_refused,
        rights::each_call_needs_its_right,
        rights::revoked_right_counts_at_the_next_call,
    ];
    airssys_conformance::run(subject, &scenarios).await;
}
