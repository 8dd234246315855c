//! What the test components can be told to do.

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
    /// Reply with what the host says of this message.
    Describe,
    /// Reply with the place of this message in its trace.
    Traceparent,
    /// Reply with the instance's name and incarnation.
    Identity,
    /// Reply with a text of this many bytes.
    Large(usize),
    /// Reply in a codec that is named by its multicodec name.
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
    /// End the process, as far as WASI goes.
    Exit,
    /// Never return.
    Spin,
    /// Use the processor for this many milliseconds.
    Work(u64),
    /// Work for so many milliseconds, so many times, with a request between.
    WorkBetween { to: String, milliseconds: u64, times: u32 },
    /// Wait for this many milliseconds (`test-waiter` only).
    Sleep(u64),
    /// Recurse without end.
    Recurse,
    /// Allocate this many MiB, and keep them.
    Allocate(usize),
    /// Try to allocate this many MiB; reply with whether that was refused.
    TryAllocate(usize),
    /// Without end, send a request and give it up, and then one that is waited for.
    CancelForever { to: String },
    /// Await something that never happens.
    Stall,
    /// Allocate and keep one MiB after the other, without end.
    MemoryBomb,
    /// Write to the log without end.
    LogForever(String),
    /// Without end, send a command without waiting, whether it is taken or not.
    FloodForever { to: String, command: Box<Command> },
    /// Send a command, and never return.
    SendAndSpin { to: String, command: Box<Command> },
    /// Send a request so many times, and then await something that never happens.
    RequestAndStall { to: String, command: Box<Command>, times: u32, timeout_ms: u64 },
    /// Do a round of work so many times; reply with the nanoseconds that the message waited and
    /// those that it took.
    Rounds(u32),
    /// Send so many requests, one group after the other, each with what may become of it. Reply with
    /// how many came to what.
    Volley(Volley),
    /// End as the mark says, and write that to the log.
    Mark(Mark),
    /// Do one after the other, and write to the log what came of each.
    Act(Vec<Action>),
    /// Stop the component.
    Stop,
    /// Write to the standard output, the standard error and the log.
    Say(String),
    /// Send a command to a component, so many times; wait for room.
    Send { to: String, command: Box<Command>, times: u32 },
    /// Send without waiting; reply with how often it worked before the first refusal, and with the
    /// refusal.
    TrySend { to: String, command: Box<Command>, times: u32 },
    /// Send all of these at once; wait for room. Reply with the refusal, if there is one.
    SendBatch { to: String, commands: Vec<Command> },
    /// As `SendBatch`, without waiting.
    TrySendBatch { to: String, commands: Vec<Command> },
    /// Send so many bytes with a codec's name; reply with the refusal, if it is one.
    SendBytes { to: String, codec: String, bytes: usize },
    /// Publish a command; reply with the number of subscribers, or the refusal.
    Publish { topic: String, command: Box<Command> },
    /// Publish a command, and have it retained; reply as to `Publish`.
    Retain { topic: String, command: Box<Command> },
    /// Forget what is retained of a topic; reply with whether there was something, or the refusal.
    ClearRetained(String),
    /// Keep a text, followed by `+` if this message was retained.
    NoteWhence(String),
    /// Send a command as a request; reply with what came of it.
    Request { to: String, command: Box<Command>, timeout_ms: u64 },
    /// Send the request `RequestId`; reply with the id here and the reply.
    RequestWithId { to: String },
    /// Reply with the id of this request.
    RequestId,
    /// Send a request so many times at once; reply with the number of replies.
    RequestAll { to: String, command: Box<Command>, times: u32 },
    /// Send a request, and give it up at once. Reply with what a second request comes to.
    RequestTwice { to: String, first: Box<Command>, second: Box<Command> },
    /// Send a request, and panic before there is a reply.
    AskAndPanic { to: String, command: Box<Command> },
    /// Subscribe; reply with the refusal, if it is one.
    Subscribe(String),
    /// Unsubscribe; reply with whether there was such a subscription.
    Unsubscribe(String),
    /// Try to send to so many different names; reply with the last refusal.
    ResolveMany(u32),
    /// Reply with what is used of each limit: `name used/limit`, each on a line of its own.
    Usage,
    /// Reply with what WASI shows: arguments, environment, the root folder, standard input.
    Surroundings,
}

/// A message that can be told from all others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// By what.
    pub id: u64,
    /// What its handler makes of it.
    pub fate: Fate,
}

/// What a handler makes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fate {
    /// It handles it.
    Done,
    /// It rejects it.
    Reject,
    /// It asks for another attempt each time.
    Retry,
    /// It asks for another attempt once.
    RetryOnce,
    /// It panics each time.
    Panic,
    /// It panics once.
    PanicOnce,
}

/// Something that a component does in a handler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Send without waiting.
    Send { to: String, mark: Mark },
    /// Send these at once, without waiting.
    SendBatch { to: String, marks: Vec<Mark> },
    /// Publish, unless a subscriber that waits is full.
    Publish { topic: String, mark: Mark },
    /// Send a request, and wait for what comes of it, or give it up at once.
    Request { to: String, mark: Mark, timeout_ms: u64, cancel: bool },
    /// As `Publish`, and have it retained.
    Retain { topic: String, mark: Mark },
    /// Forget what is retained of a topic, if that is allowed.
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

/// Many requests, whose fate is drawn by lot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Volley {
    /// To whom.
    pub to: String,
    /// How many in all.
    pub requests: u32,
    /// How many are under way at once.
    pub at_once: u32,
    /// What the lots are drawn from.
    pub seed: u64,
}

/// What a test component replies.
pub type Answer = Result<String, String>;
