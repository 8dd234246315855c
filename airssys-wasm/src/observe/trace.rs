//! Trace contexts of messages, and the tracer that makes a span of each handled message.
//!
//! The host propagates the context: a message that a handler sends belongs to the trace of the message
//! that it handles. Without a tracer, a context from outside is passed on unchanged, and a message
//! without a context stays without one.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use airssys_message::Codec;

/// A context as defined by [W3C Trace Context](https://www.w3.org/TR/trace-context/): a trace, a span
/// in it, and flags.
///
/// Its text form is a `traceparent`:
///
/// ```
/// # use airssys_wasm::TraceContext;
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context: TraceContext = text.parse().unwrap();
/// assert!(context.is_sampled());
/// assert_eq!(context.to_string(), text);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_high: u64,
    trace_low: u64,
    span: NonZeroU64,
    flags: u8,
}

/// The flag of a recorded trace.
const SAMPLED: u8 = 0x01;

/// The flags that are passed on: sampled, and random trace id.
const KNOWN_FLAGS: u8 = 0x03;

/// The length of a `traceparent` of version 00, in bytes.
const LENGTH: usize = 55;

/// A text that is not a `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is not a traceparent, such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
pub struct InvalidTraceparent;

impl TraceContext {
    /// Makes a context. Returns `None` if one of the ids is 0. Unknown flags are cleared.
    pub fn new(trace_id: u128, span_id: u64, flags: u8) -> Option<TraceContext> {
        let span = NonZeroU64::new(span_id).filter(|_| trace_id != 0)?;
        let (trace_high, trace_low) = ((trace_id >> 64) as u64, trace_id as u64);
        Some(TraceContext { trace_high, trace_low, span, flags: flags & KNOWN_FLAGS })
    }

    /// Returns the id of the trace.
    pub fn trace_id(self) -> u128 {
        (u128::from(self.trace_high) << 64) | u128::from(self.trace_low)
    }

    /// Returns the id of the span.
    pub fn span_id(self) -> u64 {
        self.span.get()
    }

    /// Returns the flags.
    pub fn flags(self) -> u8 {
        self.flags
    }

    /// Returns true if the trace is recorded.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id(), self.span_id(), self.flags)
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    /// Reads a `traceparent` of version 00, and the same fields of later versions.
    fn from_str(text: &str) -> Result<TraceContext, InvalidTraceparent> {
        let bytes = text.as_bytes();
        let (known, more) = bytes.split_at_checked(LENGTH).ok_or(InvalidTraceparent)?;
        let version = hex(&known[..2]).ok_or(InvalidTraceparent)?;
        let fits = match version {
            0 => more.is_empty(),
            0xff => false,
            _ => more.is_empty() || more[0] == b'-',
        };
        if !fits || [2, 35, 52].iter().any(|dash| known[*dash] != b'-') {
            return Err(InvalidTraceparent);
        }
        let ids = hex(&known[3..35]).zip(hex(&known[36..52])).zip(hex(&known[53..55]));
        let ((trace, span), flags) = ids.ok_or(InvalidTraceparent)?;
        // The numbers of digits make these casts lossless.
        TraceContext::new(trace, span as u64, flags as u8).ok_or(InvalidTraceparent)
    }
}

/// Parses at most 32 lower-case hexadecimal digits.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((number << 4) | u128::from(value))
    })
}

/// Makes a span of each message that is handled.
///
/// The worker that runs the guest calls it before and after the guest, so it must not block.
pub trait MessageTracer: fmt::Debug + Send + Sync + 'static {
    /// Begins the span of a message that is about to be handled, as a child of `parent`. Without a
    /// parent, a new trace begins.
    fn begin(&self, parent: Option<TraceContext>, message: &TracedMessage<'_>) -> Box<dyn MessageSpan>;

    /// Begins the span of a request that a handler sends to a server outside the app, as a child of
    /// `parent`. Must not block. By default, such requests have no span.
    fn begin_request(
        &self,
        parent: Option<TraceContext>,
        request: &TracedRequest<'_>,
    ) -> Option<Box<dyn MessageSpan>> {
        let _ = (parent, request);
        None
    }
}

/// A request to a server outside the app.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TracedRequest<'a> {
    /// The app.
    pub app: &'a str,
    /// The component that sends it.
    pub component: &'a str,
    /// The instance that sends it.
    pub instance: &'a str,
    /// The method, such as `GET`.
    pub method: &'a str,
    /// The server's name or address.
    pub host: &'a str,
    /// The server's port.
    pub port: u16,
}

/// The span of a message that is being handled.
pub trait MessageSpan: Send {
    /// Returns the context of the span, which is the parent of the messages that the handler sends.
    /// Returns `None` if the span has no valid ids.
    fn context(&self) -> Option<TraceContext>;

    /// Ends the span.
    fn end(self: Box<Self>, outcome: SpanOutcome<'_>);
}

/// A message that its handler is about to get.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TracedMessage<'a> {
    /// The app.
    pub app: &'a str,
    /// The instance that sent it; `host` for a message from outside.
    pub sender: &'a str,
    /// The component that it was sent to.
    pub component: &'a str,
    /// The instance that handles it.
    pub instance: &'a str,
    /// The topic; `None` if it is not a publication.
    pub topic: Option<&'a str>,
    /// Its codec; `None` if its prefix is unknown.
    pub codec: Option<Codec>,
    /// Its size, including the codec prefix, in bytes.
    pub bytes: usize,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// True if a requester waits for a reply.
    pub wants_reply: bool,
    /// The time that it waited in the mailbox.
    pub waited: Duration,
}

/// The outcome of an attempt to handle a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanOutcome<'a> {
    /// It was handled.
    Done,
    /// It was handled, with a reply.
    Replied,
    /// It will be handled again, for this reason.
    Retried(&'a str),
    /// The handler rejected it, for this reason.
    Rejected(&'a str),
    /// The handler failed, for this reason.
    Failed(&'a str),
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn traceparent_round_trips() {
        let context: TraceContext = TEXT.parse().unwrap();
        assert_eq!(context.trace_id(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(context.span_id(), 0x00f0_67aa_0ba9_02b7);
        assert_eq!((context.flags(), context.is_sampled()), (1, true));
        assert_eq!(context.to_string(), TEXT);
    }

    #[test]
    fn unknown_flags_are_cleared() {
        let context: TraceContext = TEXT.replace("-01", "-fe").parse().unwrap();
        assert_eq!(context.to_string(), TEXT.replace("-01", "-02"));
        assert!(!context.is_sampled());
    }

    #[test]
    fn known_fields_of_a_later_version_are_read() {
        for later in [format!("cc{}", &TEXT[2..]), format!("cc{}-what-else", &TEXT[2..])] {
            assert_eq!(later.parse::<TraceContext>().unwrap().to_string(), TEXT, "{later}");
        }
    }

    #[test]
    fn invalid_traceparents_are_refused() {
        let zero_trace = TEXT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let zero_span = TEXT.replace("00f067aa0ba902b7", &"0".repeat(16));
        for text in [
            "",
            "00",
            &TEXT[..54],
            &format!("{TEXT}-more"),
            &format!("{TEXT} "),
            &TEXT.to_uppercase(),
            &TEXT.replace('-', "_"),
            &format!("ff{}", &TEXT[2..]),
            &format!("cc{}.what", &TEXT[2..]),
            &format!("g0{}", &TEXT[2..]),
            &zero_trace,
            &zero_span,
            &TEXT.replace("4bf9", "€9"),
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(InvalidTraceparent), "{text}");
        }
    }

    #[test]
    fn context_takes_32_bytes() {
        assert_eq!(size_of::<Option<TraceContext>>(), 32);
    }
}
