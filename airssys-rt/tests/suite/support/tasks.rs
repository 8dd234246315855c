//! Tasks that are left behind.

/// How many tasks there are, beside the test itself.
pub fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
