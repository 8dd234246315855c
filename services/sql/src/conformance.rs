//! The scenarios that every backend passes, by way of a component.
//!
//! A test of a backend makes a [`Subject`], and calls [`run`].

// A scenario is a test: it panics with the mistake.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod bounds;
mod dialect;
mod errors;
mod prepared;
mod results;
mod rights;
mod sessions;
mod spin;
mod subject;
mod transactions;
mod values;

pub use dialect::{Dialect, Leak, UPDATE_RETURNING, recursive_numbers};
pub use subject::{LABEL, OTHER, Subject, Writes};
pub use test_sql_calls::{Answer, Call, Failure, On, Outcome, Rows, Value};

/// Runs every scenario, and fails with the names of those that do not pass.
///
/// # Panics
/// If a scenario does not pass.
pub async fn run(subject: Subject) {
    let scenarios = airssys_conformance::scenarios![
        values::every_type_comes_back,
        values::nulls_are_values_of_every_type,
        values::parameters_are_used_by_their_number,
        values::texts_and_bytes_come_back_unchanged,
        results::changed_rows_are_counted,
        results::rows_come_in_pages_of_the_size_asked_for,
        results::large_rows_end_a_page_early,
        results::endless_result_is_read_as_far_as_wanted,
        results::change_returns_its_rows,
        results::open_results_hold_few_bytes,
        errors::constraints_are_named,
        errors::mistakes_in_statements_are_told,
        errors::text_for_a_number_is_a_wrong_type,
        errors::slow_statement_ends_in_its_time,
        transactions::committed_changes_stay_and_others_do_not,
        transactions::transaction_of_a_trapped_component_is_rolled_back_at_once,
        transactions::failed_transaction_only_can_be_rolled_back,
        transactions::page_that_times_out_ends_its_transaction,
        transactions::rows_are_read_while_others_are_written,
        transactions::concurrent_changes_are_all_counted,
        rights::component_with_the_right_to_read_cannot_write,
        rights::transaction_with_the_right_to_read_cannot_write,
        rights::label_without_a_right_looks_absent,
        rights::revoked_right_ends_with_the_next_call,
        rights::labels_are_apart,
        sessions::statements_about_sessions_and_files_are_refused,
        sessions::settings_do_not_leak_to_the_next_component,
        prepared::prepared_statement_runs_many_times,
        bounds::statements_and_parameters_are_bounded,
        bounds::open_handles_are_bounded,
        bounds::one_component_leaves_connections_to_others,
        spin::component_of_spin_uses_the_same_database,
    ];
    airssys_conformance::run(&subject, &scenarios).await;
}
