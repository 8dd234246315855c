//! Where the host sees which message of a run this instance is on.

// Why here: ADR 0025.
#![allow(unsafe_code, reason = "the host reads a number that changes after it was shown")]

use std::sync::atomic::{AtomicU64, Ordering};

use crate::host::{self, MessageId};

static ON: AtomicU64 = AtomicU64::new(0);

/// Shows the host the place. Once per instance.
pub(crate) fn show() {
    // SAFETY: the pointer is that of one initialized, aligned number that lives as long as the
    // instance; during the call nothing changes it, as an instance has one thread. What the host
    // reads later it reads from the instance's memory, not through this slice.
    let place = unsafe { std::slice::from_raw_parts(ON.as_ptr().cast_const(), 1) };
    host::progress::show(place);
}

/// Takes note of the message that comes next: all before it are finished.
pub(crate) fn on(message: MessageId) {
    ON.store(message, Ordering::SeqCst);
}

#[cfg(test)]
pub(crate) fn shown() -> MessageId {
    ON.load(Ordering::SeqCst)
}
