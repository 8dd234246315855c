//! Tasks that are left behind.
#![allow(unreachable_pub, reason = "it is a part of several tests")]

/// How many tasks there are, beside the test itself.
pub fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
