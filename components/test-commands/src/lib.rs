//! The commands of the test components.

pub mod bench;

use serde::{Deserialize, Serialize};

/// A message to a test component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Keep a text. [`Command::Notes`] gives it back.
    Note(String),
    /// Count a text, and keep nothing.
    Tally(String),
    /// Reply with the texts that were kept, oldest first.
    Notes,
    /// Reply with this text.
    Echo(String),
    /// Reply with the host's description of this message.
    Describe,
    /// Reply with the place of this message in its trace.
    Traceparent,
    /// Reply with the instance's name and incarnation.
    Identity,
    /// Reply with a text of this many bytes.
    Large(usize),
    /// Reply in the codec with this multicodec name.
    ReplyIn(String),
    /// Reject the message.
    Reject(String),
    /// Ask for another attempt.
    Retry(String),
    /// Ask for another attempt until this one; then keep the text, and reply with it.
    RetryBefore { attempt: u32, text: String },
    /// Panic until this attempt; then keep the text, and reply with it.
    PanicBefore { attempt: u32, text: String },
    /// Stop the component, and ask for another attempt.
    StopAndRetry(String),
    /// Panic.
    Panic(String),
    /// Exit through WASI.
    Exit,
    /// Never return.
    Spin,
    /// Do this many rounds of work, each of about 20 µs of a processor. A clock would also count the
    /// time in which others have the processor, and the limit on execution time does not.
    Work(u32),
    /// Do this many rounds of work, this many times, with a request in between.
    WorkBetween { to: String, rounds: u32, times: u32 },
    /// Wait for this many milliseconds (`test-waiter` only).
    Sleep(u64),
    /// Recurse without end.
    Recurse,
    /// Allocate this many MiB, and keep them.
    Allocate(usize),
    /// Try to allocate this many MiB. Reply with the result.
    TryAllocate(usize),
    /// Without end, send a request and cancel it, then send one and wait for its reply.
    CancelForever { to: String },
    /// Await something that never happens.
    Stall,
    /// Allocate and keep one MiB after the other, without end.
    MemoryBomb,
    /// Write to the log without end.
    LogForever(String),
    /// Send a command without waiting, without end, and ignore refusals.
    FloodForever { to: String, command: Box<Command> },
    /// Do this many rounds of work, then send this command to oneself twice, so that the mailbox stays
    /// full.
    FloodItself(u32),
    /// Send a command, and never return.
    SendAndSpin { to: String, command: Box<Command> },
    /// Send a request this many times, and then await something that never happens.
    RequestAndStall { to: String, command: Box<Command>, times: u32, timeout_ms: u64 },
    /// Do this many rounds of work. Reply with the nanoseconds that the message waited and those that
    /// it took.
    Rounds(u32),
    /// Send many requests, group after group, each with a random fate. Reply with the number of
    /// requests per result.
    Volley(Volley),
    /// End as the mark says, and log that.
    Mark(Mark),
    /// Do these actions in order, and log the result of each.
    Act(Vec<Action>),
    /// Stop the component.
    Stop,
    /// Write to the standard output, the standard error and the log.
    Say(String),
    /// Send a command to a component, this many times; wait for room.
    Send { to: String, command: Box<Command>, times: u32 },
    /// Send without waiting. Reply with the number of messages before the first refusal, and with the
    /// refusal.
    TrySend { to: String, command: Box<Command>, times: u32 },
    /// Send these as a batch; wait for room. Reply with the refusal, if one comes.
    SendBatch { to: String, commands: Vec<Command> },
    /// As `SendBatch`, without waiting.
    TrySendBatch { to: String, commands: Vec<Command> },
    /// Send this many bytes in the codec with this name. Reply with the refusal, if one comes.
    SendBytes { to: String, codec: String, bytes: usize },
    /// Publish a command; reply with the number of subscribers, or the refusal.
    Publish { topic: String, command: Box<Command> },
    /// Publish a command and retain it; reply as to `Publish`.
    Retain { topic: String, command: Box<Command> },
    /// Clear the retained message of a topic. Reply whether one was retained, or with the refusal.
    ClearRetained(String),
    /// Keep a text, followed by `+` if this message was retained.
    NoteOrigin(String),
    /// Send a command as a request; reply with its result.
    Request { to: String, command: Box<Command>, timeout_ms: u64 },
    /// Send the request `RequestId`; reply with the id here and the reply.
    RequestWithId { to: String },
    /// Reply with the id of this request.
    RequestId,
    /// Send a request this many times at once; reply with the number of replies.
    RequestAll { to: String, command: Box<Command>, times: u32 },
    /// Send a request, and cancel it at once. Reply with the result of a second request.
    RequestTwice { to: String, first: Box<Command>, second: Box<Command> },
    /// Send a request, and panic before the reply comes.
    AskAndPanic { to: String, command: Box<Command> },
    /// Subscribe; reply with the refusal, if one comes.
    Subscribe(String),
    /// Unsubscribe. Reply whether the subscription existed.
    Unsubscribe(String),
    /// Make routes to this many topics; reply with the first refusal.
    ResolveMany(u32),
    /// Reply with the usage of each limit: `name used/limit`, each on a line of its own.
    Usage,
    /// Reply with the view through WASI: arguments, environment, the root folder, standard input.
    Surroundings,
}

/// The identity and fate of a message that tests account for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The message's number, which no other message has.
    pub id: u64,
    /// The way in which its handler ends it.
    pub fate: Fate,
}

/// The way in which a handler ends a message.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fate {
    /// The handler handles it.
    Done,
    /// The handler rejects it.
    Reject,
    /// The handler asks for another attempt each time.
    Retry,
    /// The handler asks for another attempt once.
    RetryOnce,
    /// The handler panics each time.
    Panic,
    /// The handler panics once.
    PanicOnce,
}

/// An action of a component in a handler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Send without waiting.
    Send { to: String, mark: Mark },
    /// Send these as a batch, without waiting.
    SendBatch { to: String, marks: Vec<Mark> },
    /// Publish, unless a subscriber with `overflow = "wait"` is full.
    Publish { topic: String, mark: Mark },
    /// Send a request, and wait for its result, or cancel it at once.
    Request { to: String, mark: Mark, timeout_ms: u64, cancel: bool },
    /// As `Publish`, and retain the message.
    Retain { topic: String, mark: Mark },
    /// Clear the retained message of a topic, if that is allowed.
    ClearRetained(String),
    /// Subscribe, if that is allowed.
    Subscribe(String),
    /// Unsubscribe.
    Unsubscribe(String),
    /// Panic.
    Panic,
    /// Stop the component.
    Stop,
}

/// Many requests with random fates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Volley {
    /// The target.
    pub to: String,
    /// The number of requests in all.
    pub requests: u32,
    /// The number of requests in flight at once.
    pub at_once: u32,
    /// The seed of the random numbers.
    pub seed: u64,
}

/// The reply of a test component.
pub type Answer = Result<String, String>;
