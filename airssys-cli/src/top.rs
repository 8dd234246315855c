//! `airssys top`: a live view of a running app.

mod model;
mod screen;
mod view;

use std::io::{self, IsTerminal};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use airssys_wasm::AppSnapshot;
use airssys_wasm::control::Client;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::args::Top;
use crate::failure::Failure;
use crate::signals::Signals;
use crate::{control, inspect};

use model::{KeyAction, Model};
use screen::{Screen, SignalSeen};

/// The longest delay before a key or a signal is noticed.
const KEY_POLL: Duration = Duration::from_millis(50);

/// `--json` was given, but `top` draws a screen.
#[derive(Debug, thiserror::Error)]
#[error("`top` draws a screen and cannot print JSON; `airssys inspect --json` prints one snapshot")]
struct JsonNotSupported;

/// The standard input or output is not a terminal.
#[derive(Debug, thiserror::Error)]
#[error("the standard {stream} is not a terminal; `airssys inspect` prints one snapshot without a terminal")]
struct NotATerminal {
    stream: &'static str,
}

/// The polling thread has ended, which it does not do before this one.
#[derive(Debug, thiserror::Error)]
#[error("the thread that asks the app has ended")]
struct PollerEnded;

pub(crate) fn top(args: &Top, signals: &Signals) -> Result<(), Failure> {
    if args.target.json {
        return Err(Failure::usage(JsonNotSupported));
    }
    let streams = [("output", io::stdout().is_terminal()), ("input", io::stdin().is_terminal())];
    if let Some((stream, _)) = streams.into_iter().find(|(_, is_terminal)| !is_terminal) {
        return Err(Failure::usage(NotATerminal { stream }));
    }
    let client = control::connect(&args.target)?;
    let poller = Poller::start(client);
    // The first snapshot comes before the screen, so a failure is printed like any other.
    let first = poller.wait()?;
    let mut model = Model::new(first, Duration::from_millis(args.interval), colour());
    let mut screen = Screen::take().map_err(terminal_failure)?;
    let shown = show(&mut model, &poller, &mut screen, signals);
    drop(screen);
    shown
}

fn colour() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

fn terminal_failure(error: io::Error) -> Failure {
    Failure::run("the terminal cannot be used", error)
}

/// Draws snapshots until the user quits or the app ends.
fn show(model: &mut Model, poller: &Poller, screen: &mut Screen, signals: &Signals) -> Result<(), Failure> {
    let signal = SignalSeen::watch(signals.attend()).map_err(terminal_failure)?;
    let (mut due, mut asked) = (Instant::now() + model.interval(), false);
    loop {
        screen.draw(|frame| view::draw(frame, model)).map_err(terminal_failure)?;
        // The inner loop ends when there is something new to draw.
        loop {
            if signal.received() {
                return Ok(());
            }
            if let Some(app) = poller.try_snapshot()? {
                model.update(app);
                asked = false;
                break;
            }
            if !asked && Instant::now() >= due && !model.is_paused() {
                poller.ask();
                (asked, due) = (true, Instant::now() + model.interval());
            }
            if !event::poll(KEY_POLL).map_err(terminal_failure)? {
                continue;
            }
            match event::read().map_err(terminal_failure)? {
                Event::Key(key) if key.kind != KeyEventKind::Release => match model.key(key) {
                    KeyAction::Quit => return Ok(()),
                    KeyAction::Ask => due = Instant::now(),
                    KeyAction::Draw => {}
                },
                _ => {}
            }
            break;
        }
    }
}

/// Asks the app on a thread of its own, because keys must work while the app does not answer.
struct Poller {
    questions: Sender<()>,
    answers: Receiver<Result<AppSnapshot, Failure>>,
}

impl Poller {
    /// Starts the thread and asks for the first snapshot.
    fn start(mut client: Client) -> Poller {
        let (questions, asked) = channel();
        let (snapshots, answers) = channel();
        let poller = Poller { questions, answers };
        poller.ask();
        std::thread::spawn(move || {
            while asked.recv().is_ok() {
                if snapshots.send(inspect::ask(&mut client)).is_err() {
                    return;
                }
            }
        });
        poller
    }

    fn ask(&self) {
        // A failure shows as a disconnected channel when the answer is read.
        let _ = self.questions.send(());
    }

    fn wait(&self) -> Result<AppSnapshot, Failure> {
        self.answers.recv().unwrap_or_else(|_| Err(poller_ended()))
    }

    fn try_snapshot(&self) -> Result<Option<AppSnapshot>, Failure> {
        match self.answers.try_recv() {
            Ok(answer) => answer.map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(poller_ended()),
        }
    }
}

fn poller_ended() -> Failure {
    Failure::run("the app sent no snapshot", PollerEnded)
}
