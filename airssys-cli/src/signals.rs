//! The signals that end the program: Ctrl-C, SIGTERM and SIGHUP.
//!
//! A signal ends the program at once, with the status 128 + its number. Only the lines that wait for the
//! standard error are written before, within a bound ([`Signals::listen`]). Only while a command attends to signals
//! ([`Signals::attend`]), the first one is left to it, to stop an app in order. A thread of its own hears
//! them, because the other threads can be stuck: in a build, a compiler, or a full pipe.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// A signal that ends the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndSignal {
    Interrupt,
    Terminate,
    HangUp,
}

impl EndSignal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            EndSignal::Interrupt => "Ctrl-C",
            EndSignal::Terminate => "SIGTERM",
            EndSignal::HangUp => "SIGHUP",
        }
    }

    /// The exit status of a program that it has ended.
    pub(crate) fn status(self) -> u8 {
        match self {
            EndSignal::Interrupt => 130,
            EndSignal::Terminate => 143,
            EndSignal::HangUp => 129,
        }
    }
}

/// The state of the signals. It changes only as a whole, so that no signal comes between two steps.
#[derive(Default)]
struct Heard {
    first: Option<EndSignal>,
    /// The time that a command has for its end after the first signal, while it attends to signals.
    attended: Option<Duration>,
}

/// The signals since [`Signals::listen`].
pub(crate) struct Signals {
    heard: Arc<watch::Sender<Heard>>,
    failure: Option<io::Error>,
}

impl Signals {
    /// Listens until the program ends. Called first of all, so that no signal is missed.
    ///
    /// A signal that ends the program calls `flush` before. It must return within a bound.
    pub(crate) fn listen(flush: fn()) -> Signals {
        let heard = Arc::new(watch::Sender::default());
        let failure = hear(Arc::clone(&heard), flush).err();
        Signals { heard, failure }
    }

    /// Leaves the first signal to the caller until the result is dropped, but for this time at most. Then
    /// the signal ends the program, in case that nothing else can.
    pub(crate) fn attend(&self, limit: Duration) -> Attention {
        if let Some(error) = &self.failure {
            tracing::warn!(%error, "the program cannot listen for signals, so they end it at once");
        }
        self.heard.send_modify(|heard| heard.attended = Some(limit));
        Attention { heard: Arc::clone(&self.heard) }
    }
}

/// The first signal is left to the owner. A second one still ends the program at once.
pub(crate) struct Attention {
    heard: Arc<watch::Sender<Heard>>,
}

impl Attention {
    /// The first signal, if there was one.
    pub(crate) fn seen(&self) -> Option<EndSignal> {
        self.heard.borrow().first
    }

    /// Waits for the first signal. Never resolves if the program cannot listen. Cancel safe.
    pub(crate) async fn received(&self) -> EndSignal {
        let mut heard = self.heard.subscribe();
        let first = heard.wait_for(|heard| heard.first.is_some()).await.ok().and_then(|heard| heard.first);
        match first {
            Some(signal) => signal,
            None => pending().await,
        }
    }

    /// Returns the first signal that was left to the owner, and leaves no other. Each later one ends
    /// the program at once.
    #[must_use = "the signal has not ended the program"]
    pub(crate) fn end(self) -> Option<EndSignal> {
        self.leave()
    }

    fn leave(&self) -> Option<EndSignal> {
        let mut first = None;
        self.heard.send_modify(|heard| {
            heard.attended = None;
            first = heard.first;
        });
        first
    }
}

impl Drop for Attention {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Starts the thread that hears signals. They are heard from the return of this function on.
fn hear(heard: Arc<watch::Sender<Heard>>, flush: fn()) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let mut listener = {
        let _entered = runtime.enter();
        Listener::new()?
    };
    let hear = move || {
        let signal = runtime.block_on(ending(&heard, async || listener.next().await));
        // Prints nothing to the standard output, because another thread may hold it for ever.
        flush();
        std::process::exit(signal.status().into());
    };
    std::thread::Builder::new().name("airssys-signals".to_owned()).spawn(hear).map(drop)
}

/// Returns the signal that ends the program now.
async fn ending(heard: &watch::Sender<Heard>, mut next: impl AsyncFnMut() -> EndSignal) -> EndSignal {
    let mut signal = next().await;
    while note(heard, signal) {
        let Some(limit) = heard.borrow().attended else { continue };
        match tokio::time::timeout(limit, next()).await {
            Ok(second) => signal = second,
            Err(_) if heard.borrow().attended.is_some() => {
                tracing::error!("the program has not stopped within {} s, and is ended", limit.as_secs_f64());
                return signal;
            }
            // The command has ended, and prints its result.
            Err(_) => signal = next().await,
        }
    }
    signal
}

/// Notes a signal. Returns true if it is the first, and a command attends to it.
fn note(heard: &watch::Sender<Heard>, signal: EndSignal) -> bool {
    let mut is_left = false;
    heard.send_modify(|heard| {
        is_left = heard.attended.is_some() && heard.first.is_none();
        heard.first.get_or_insert(signal);
    });
    is_left
}

/// The signals that are heard. SIGINT and SIGHUP are `None` if the program was started with them ignored,
/// as a shell does for a background command, and `nohup` for one that is to outlive its terminal.
#[cfg(unix)]
struct Listener {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: tokio::signal::unix::Signal,
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Listener {
    fn new() -> io::Result<Listener> {
        use tokio::signal::unix::{Signal, SignalKind, signal};

        // Read before the first handler is set, because a handler replaces the ignoring.
        let ignored = ignored_signals();
        // A file over the process's limit on its size is then a failed write, like a full disk. The signal
        // would end the program. The handler stays after its stream.
        drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        let unless_ignored = |kind: SignalKind| -> io::Result<Option<Signal>> {
            // Signal 1 is the lowest bit.
            let is_ignored = ignored >> (kind.as_raw_value() - 1) & 1 == 1;
            if is_ignored { Ok(None) } else { signal(kind).map(Some) }
        };
        Ok(Listener {
            interrupt: unless_ignored(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: unless_ignored(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> EndSignal {
        tokio::select! {
            () = received(self.interrupt.as_mut()) => EndSignal::Interrupt,
            () = received(Some(&mut self.terminate)) => EndSignal::Terminate,
            () = received(self.hang_up.as_mut()) => EndSignal::HangUp,
        }
    }
}

/// Waits for a signal. An ignored one never comes.
#[cfg(unix)]
async fn received(signal: Option<&mut tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => pending().await,
    }
}

/// The signals that were ignored when the program was started, each as a bit. Known only on Linux.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

#[cfg(not(unix))]
struct Listener;

#[cfg(not(unix))]
impl Listener {
    fn new() -> io::Result<Listener> {
        Ok(Listener)
    }

    async fn next(&mut self) -> EndSignal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => EndSignal::Interrupt,
            Err(_) => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(25);

    fn heard() -> (Arc<watch::Sender<Heard>>, Signals) {
        let heard = Arc::new(watch::Sender::default());
        (Arc::clone(&heard), Signals { heard, failure: None })
    }

    #[test]
    fn signal_ends_the_program_or_is_returned_to_the_command_that_attends() {
        let (heard, signals) = heard();
        let attention = signals.attend(LIMIT);
        assert_eq!(attention.seen(), None);
        assert!(note(&heard, EndSignal::Terminate));
        assert!(!note(&heard, EndSignal::Interrupt), "the second one ends the program");
        assert_eq!(attention.end(), Some(EndSignal::Terminate));
    }

    #[test]
    fn signal_after_the_end_of_attention_ends_the_program() {
        let (heard, signals) = heard();
        assert_eq!(signals.attend(LIMIT).end(), None);
        assert!(!note(&heard, EndSignal::Terminate));
    }

    /// Returns a source of these signals, behind which none comes.
    fn source(signals: Vec<EndSignal>) -> impl AsyncFnMut() -> EndSignal {
        let mut signals = signals.into_iter();
        async move || match signals.next() {
            Some(signal) => signal,
            None => pending().await,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn command_that_does_not_end_after_a_signal_is_ended_with_the_program() {
        let (heard, signals) = heard();
        let _attention = signals.attend(LIMIT);
        let began = tokio::time::Instant::now();
        assert_eq!(ending(&heard, source(vec![EndSignal::Terminate])).await, EndSignal::Terminate);
        assert_eq!(began.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn second_signal_ends_the_program_at_once_and_a_command_that_has_ended_is_left_alone() {
        let (heard, signals) = heard();
        let attention = signals.attend(LIMIT);
        let twice = source(vec![EndSignal::Terminate, EndSignal::Interrupt]);
        assert_eq!(ending(&heard, twice).await, EndSignal::Interrupt);
        drop(attention);
        let (heard, signals) = super::tests::heard();
        let attention = signals.attend(LIMIT);
        let ends = async {
            tokio::task::yield_now().await;
            drop(attention);
            pending::<()>().await;
        };
        let ended = async {
            tokio::select! { signal = ending(&heard, source(vec![EndSignal::HangUp])) => Some(signal), () = ends => None }
        };
        assert!(
            tokio::time::timeout(LIMIT * 9, ended).await.is_err(),
            "it may print for as long as it likes"
        );
    }
}
