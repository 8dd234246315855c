//! The number in this instance's memory from which the host reads its progress in a batch.

// ADR 0025 has the reason for unsafe code here.
#![allow(unsafe_code, reason = "the host reads a number that changes after it was shown")]

use std::sync::atomic::{AtomicU64, Ordering};

use crate::host::{self, MessageId};

static CURRENT: AtomicU64 = AtomicU64::new(0);

/// Shows the number's place in memory to the host. Called once per instance.
pub(crate) fn show() {
    // SAFETY: the pointer is that of one initialized, aligned number that lives as long as the
    // instance. Nothing changes it during the call, because an instance has one thread. Later the
    // host reads the number from the instance's memory, not through this slice.
    let place = unsafe { std::slice::from_raw_parts(CURRENT.as_ptr().cast_const(), 1) };
    host::progress::show(place);
}

/// Sets the message that is handled next. All messages before it are finished.
pub(crate) fn set_current(message: MessageId) {
    CURRENT.store(message, Ordering::SeqCst);
}

#[cfg(test)]
pub(crate) fn current() -> MessageId {
    CURRENT.load(Ordering::SeqCst)
}
