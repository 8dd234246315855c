//! The pairs of a request and its answer.

use airssys_spec::GrantChange;

use super::answers::{
    AboutApp, Answer, DeadLetterPage, DenialList, GrantList, LetterWithBody, LettersDone, Resumed,
    RetainedCleared, RetainedPage, RetainedWithBody,
};
use super::requests::{
    About, ClearRetained, DropDeadLetters, Give, ListDeadLetters, ListDenials, ListGrants, ListRetained,
    Reload, Request, Resume, RetryDeadLetters, Revoke, ShowDeadLetter, ShowRetained, Snapshot,
};
use crate::host::reload::Reloaded;
use crate::observe::snapshot::AppSnapshot;

/// A request with the type of its answer.
pub trait Ask: Into<Request> {
    /// The answer, if the request succeeds.
    type Answer: Into<Answer>;

    /// Returns the answer, or gives back an answer of another kind.
    ///
    /// # Errors
    /// The answer, if it does not belong to this request.
    fn from_answer(answer: Answer) -> Result<Self::Answer, Box<Answer>>;
}

/// Pairs each request, which is the content of a variant of [`Request`], with the variant of [`Answer`]
/// that answers it.
macro_rules! pairs {
    ($($request:ident ($variant:ident) => $answer:ty, $kind:ident;)*) => {$(
        impl From<$request> for Request {
            fn from(request: $request) -> Request {
                Request::$variant(request)
            }
        }

        impl Ask for $request {
            type Answer = $answer;

            fn from_answer(answer: Answer) -> Result<$answer, Box<Answer>> {
                match answer {
                    Answer::$kind(answer) => Ok(answer),
                    other => Err(Box::new(other)),
                }
            }
        }
    )*};
}

/// Makes each content of an answer convertible to [`Answer`].
macro_rules! answers {
    ($($answer:ty, $kind:ident;)*) => {$(
        impl From<$answer> for Answer {
            fn from(answer: $answer) -> Answer {
                Answer::$kind(answer)
            }
        }
    )*};
}

pairs! {
    About (About) => AboutApp, About;
    Snapshot (Snapshot) => Box<AppSnapshot>, Snapshot;
    ListGrants (Grants) => GrantList, Grants;
    Give (Give) => GrantChange, GrantChanged;
    Revoke (Revoke) => GrantChange, GrantChanged;
    ListDenials (Denials) => DenialList, Denials;
    ListDeadLetters (DeadLetters) => DeadLetterPage, DeadLetters;
    ShowDeadLetter (DeadLetter) => LetterWithBody, DeadLetter;
    RetryDeadLetters (RetryDeadLetters) => LettersDone, LettersDone;
    DropDeadLetters (DropDeadLetters) => LettersDone, LettersDone;
    Resume (Resume) => Resumed, Resumed;
    Reload (Reload) => Reloaded, Reloaded;
    ListRetained (Retained) => RetainedPage, Retained;
    ShowRetained (RetainedMessage) => RetainedWithBody, RetainedMessage;
    ClearRetained (ClearRetained) => RetainedCleared, RetainedCleared;
}

answers! {
    AboutApp, About;
    Box<AppSnapshot>, Snapshot;
    GrantList, Grants;
    GrantChange, GrantChanged;
    DenialList, Denials;
    DeadLetterPage, DeadLetters;
    LetterWithBody, DeadLetter;
    LettersDone, LettersDone;
    Resumed, Resumed;
    Reloaded, Reloaded;
    RetainedPage, Retained;
    RetainedWithBody, RetainedMessage;
    RetainedCleared, RetainedCleared;
}
