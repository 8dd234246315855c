//! The signals that end the program: Ctrl-C, SIGTERM and SIGHUP.
//!
//! A signal ends the program at once, with the status 128 + its number. Only while a command attends to
//! signals ([`Signals::attend`]), the first one is left to it, to stop an app in order. A thread of its
//! own hears them, because the other threads can be stuck: in a build, a compiler, or a full pipe.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// The signals since [`Signals::listen`].
pub(crate) struct Signals {
    first: watch::Receiver<Option<EndSignal>>,
    attended: Arc<AtomicBool>,
    failure: Option<io::Error>,
}

impl Signals {
    /// Listens until the program ends. Called first of all, so that no signal is missed.
    pub(crate) fn listen() -> Signals {
        let (sender, first) = watch::channel(None);
        let attended = Arc::new(AtomicBool::new(false));
        let failure = hear(sender, Arc::clone(&attended)).err();
        Signals { first, attended, failure }
    }

    /// Leaves the first signal to the caller until the result is dropped.
    pub(crate) fn attend(&self) -> Attention {
        if let Some(error) = &self.failure {
            tracing::warn!(%error, "the program cannot listen for signals, so they end it at once");
        }
        self.attended.store(true, Ordering::SeqCst);
        Attention { first: self.first.clone(), attended: Arc::clone(&self.attended) }
    }
}

/// The first signal is left to the owner. A second one still ends the program at once.
pub(crate) struct Attention {
    first: watch::Receiver<Option<EndSignal>>,
    attended: Arc<AtomicBool>,
}

impl Attention {
    /// The first signal, if there was one.
    pub(crate) fn seen(&self) -> Option<EndSignal> {
        *self.first.borrow()
    }

    /// Waits for the first signal. Cancel safe.
    pub(crate) async fn received(&self) -> EndSignal {
        let mut first = self.first.clone();
        let seen = first.wait_for(Option::is_some).await.map(|seen| *seen);
        match seen {
            Ok(Some(signal)) => signal,
            // The program cannot listen.
            _ => pending().await,
        }
    }
}

impl Drop for Attention {
    fn drop(&mut self) {
        self.attended.store(false, Ordering::SeqCst);
    }
}

/// Starts the thread that hears signals. They are heard from the return of this function on.
fn hear(sender: watch::Sender<Option<EndSignal>>, attended: Arc<AtomicBool>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut listener = {
        let _entered = runtime.enter();
        Listener::new()?
    };
    let hear = move || {
        runtime.block_on(async {
            loop {
                let signal = listener.next().await;
                // Read before the command learns of the signal, because it attends only until it is done.
                let is_attended = attended.load(Ordering::SeqCst);
                let is_first = sender.send_replace(Some(signal)).is_none();
                if !is_first || !is_attended {
                    // Prints nothing, because another thread may hold the stream for ever.
                    std::process::exit(signal.status().into());
                }
            }
        });
    };
    std::thread::Builder::new().name("airssys-signals".to_owned()).spawn(hear).map(drop)
}

#[cfg(unix)]
struct Listener {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// `None` if the program was started to outlive its terminal, as by `nohup`.
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Listener {
    fn new() -> io::Result<Listener> {
        use tokio::signal::unix::{SignalKind, signal};

        let hang_up = if ignores_hang_up() { None } else { Some(signal(SignalKind::hangup())?) };
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Listener { interrupt, terminate, hang_up })
    }

    async fn next(&mut self) -> EndSignal {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => EndSignal::Interrupt,
            _ = self.terminate.recv() => EndSignal::Terminate,
            _ = hang_up => EndSignal::HangUp,
        }
    }
}

/// Returns true if the program was started with SIGHUP ignored. Known only on Linux.
#[cfg(unix)]
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP is signal 1, the lowest bit.
    mask.is_some_and(|mask| mask & 1 == 1)
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
