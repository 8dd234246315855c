//! The overflow policy of a mailbox.

/// The policy of a full mailbox for a message that is sent to it.
///
/// | policy | `send` | `try_send` | `try_reserve` | counted as |
/// |---|---|---|---|---|
/// | `Wait` | waits for room | `Full` | `Full` | `waited` (`send`), `rejected` (others) |
/// | `Reject` | `Full` | `Full` | `Full` | `rejected` |
/// | `DropOldest` | drops the oldest message | the same | the same | `overflowed` |
/// | `DropNewest` | drops this message | the same | `Full` | `overflowed` (`try_reserve`: `rejected`) |
///
/// `Full` hands the message back. A dropped message counts as a dead letter. If a permit reserves
/// every slot, `DropOldest` finds nothing to drop and answers `Full`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overflow {
    /// The sender waits for room.
    #[default]
    Wait,
    /// The sender gets the message back at once.
    Reject,
    /// The oldest message in the mailbox is dropped to make room.
    DropOldest,
    /// The new message is dropped.
    DropNewest,
}
