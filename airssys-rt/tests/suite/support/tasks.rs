//! Tasks that are left behind.

/// The number of tasks, beside the test itself.
pub fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
