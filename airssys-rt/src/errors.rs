//! Why a message was not taken, or a request not answered.

use std::fmt;

use thiserror::Error;

/// Why [`ActorRef::send`](crate::ActorRef::send) did not deliver; hands the message back.
#[derive(Error)]
#[non_exhaustive]
pub enum SendError<M> {
    /// The mailbox is full, and rejects rather than waits.
    #[error("the mailbox is full")]
    Full(M),
    /// The actor has ended for good.
    #[error("the actor has ended")]
    Closed(M),
}

/// Why [`ActorRef::try_send`](crate::ActorRef::try_send) did not deliver; hands the message back.
#[derive(Error)]
#[non_exhaustive]
pub enum TrySendError<M> {
    /// The mailbox is full.
    #[error("the mailbox is full")]
    Full(M),
    /// The actor has ended for good.
    #[error("the actor has ended")]
    Closed(M),
}

/// Why [`ActorRef::try_reserve`](crate::ActorRef::try_reserve) did not get a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// The mailbox is full.
    #[error("the mailbox is full")]
    Full,
    /// The actor has ended for good.
    #[error("the actor has ended")]
    Closed,
}

/// Why [`ActorRef::try_send_with`](crate::ActorRef::try_send_with) did not deliver: no message was made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendWithError<E> {
    /// The mailbox is full.
    #[error("the mailbox is full")]
    Full,
    /// The actor has ended for good.
    #[error("the actor has ended")]
    Closed,
    /// Whoever was to make the message has not.
    #[error(transparent)]
    NotMade(E),
}

/// Why [`ActorRef::request`](crate::ActorRef::request) has no answer.
#[derive(Error)]
#[non_exhaustive]
pub enum RequestError<M> {
    /// The mailbox is full, and rejects rather than waits. Hands the message back.
    #[error("the mailbox is full")]
    Full(M),
    /// The actor has ended for good. Hands the message back.
    #[error("the actor has ended")]
    Closed(M),
    /// The message was dropped without a reply: the actor failed, ended, or did not answer.
    #[error("there will be no reply")]
    NoReply,
    /// The time passed. If the message is in the mailbox by then, it will be handled all the same.
    #[error("there was no reply in time")]
    TimedOut,
}

impl<M> From<TrySendError<M>> for SendError<M> {
    fn from(error: TrySendError<M>) -> Self {
        match error {
            TrySendError::Full(message) => Self::Full(message),
            TrySendError::Closed(message) => Self::Closed(message),
        }
    }
}

impl<M> From<SendError<M>> for RequestError<M> {
    fn from(error: SendError<M>) -> Self {
        match error {
            SendError::Full(message) => Self::Full(message),
            SendError::Closed(message) => Self::Closed(message),
        }
    }
}

macro_rules! hands_back {
    ($name:ident) => {
        impl<M> $name<M> {
            /// The message that was not delivered.
            pub fn into_message(self) -> M {
                match self {
                    Self::Full(message) | Self::Closed(message) => message,
                }
            }
        }

        impl<M> fmt::Debug for $name<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    Self::Full(_) => "Full(..)",
                    Self::Closed(_) => "Closed(..)",
                })
            }
        }
    };
}

hands_back!(SendError);
hands_back!(TrySendError);

impl<M> fmt::Debug for RequestError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
            Self::NoReply => "NoReply",
            Self::TimedOut => "TimedOut",
        })
    }
}
