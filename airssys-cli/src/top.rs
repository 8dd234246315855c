//! `airssys top`: a live view of a running app.

mod model;
mod screen;
mod view;

use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use airssys_wasm::AppSnapshot;
use airssys_wasm::control::{AskError, Client};
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::args::Top;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::plain::plain;
use crate::signals::Signals;
use crate::units::uptime;
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

pub(crate) fn top(args: &Top, output: &Output, signals: &Signals) -> Result<(), Failure> {
    if args.target.json {
        return Err(Failure::usage(JsonNotSupported));
    }
    let streams = [("output", output::output_is_terminal()), ("input", io::stdin().is_terminal())];
    if let Some((stream, _)) = streams.into_iter().find(|(_, is_terminal)| !is_terminal) {
        return Err(Failure::usage(NotATerminal { stream }));
    }
    let client = control::connect(&args.target)?;
    let poller = Poller::start(client).map_err(|error| Failure::run("`top` cannot ask the app", error))?;
    // The first snapshot comes before the screen, so a failure is printed like any other.
    let first = poller.wait()?;
    let mut model = Model::new(first, Duration::from_millis(args.interval), output::output_is_coloured());
    let mut screen = Screen::take().map_err(terminal_failure)?;
    let shown = show(&mut model, &poller, &mut screen, signals);
    drop(screen);
    if let Shown::AppEnded = shown? {
        output.line(ended(&model.app));
    }
    Ok(())
}

/// The reason for which the screen is gone.
#[derive(Debug, PartialEq, Eq)]
enum Shown {
    Quit,
    AppEnded,
}

/// The last line, for the user who did not quit.
fn ended(app: &AppSnapshot) -> String {
    format!(
        "{} has ended; the last snapshot was taken {} after its start",
        plain(&app.app),
        uptime(app.uptime_ms)
    )
}

fn terminal_failure(error: io::Error) -> Failure {
    Failure::run("the terminal cannot be used", error)
}

/// Draws snapshots until the user quits or the app ends.
fn show(
    model: &mut Model,
    poller: &Poller,
    screen: &mut Screen,
    signals: &Signals,
) -> Result<Shown, Failure> {
    let signal = SignalSeen::watch(signals.attend(Duration::MAX)).map_err(terminal_failure)?;
    let (mut due, mut asked) = (Instant::now() + model.interval(), false);
    loop {
        screen.draw(|frame| view::draw(frame, model)).map_err(terminal_failure)?;
        // The inner loop ends when there is something new to draw.
        loop {
            if signal.received() {
                return Ok(Shown::Quit);
            }
            match poller.poll()? {
                Polled::Nothing => {}
                Polled::Snapshot(app) => {
                    model.update(*app);
                    asked = false;
                    break;
                }
                Polled::AppEnded => return Ok(Shown::AppEnded),
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
                    KeyAction::Quit => return Ok(Shown::Quit),
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
    answers: Receiver<Result<AppSnapshot, AskError>>,
}

/// The state of the last question.
#[derive(Debug)]
enum Polled {
    Nothing,
    Snapshot(Box<AppSnapshot>),
    AppEnded,
}

impl Poller {
    /// Starts the thread and asks for the first snapshot.
    fn start(mut client: Client) -> io::Result<Poller> {
        let (questions, asked) = channel();
        let (snapshots, answers) = channel();
        let poller = Poller { questions, answers };
        poller.ask();
        std::thread::Builder::new().name("airssys-poller".to_owned()).spawn(move || {
            while asked.recv().is_ok() {
                if snapshots.send(ask_again(&mut client)).is_err() {
                    return;
                }
            }
        })?;
        Ok(poller)
    }

    fn ask(&self) {
        // A failure shows as a disconnected channel when the answer is read.
        let _ = self.questions.send(());
    }

    fn wait(&self) -> Result<AppSnapshot, Failure> {
        self.answers.recv().map_err(|_| poller_ended())?.map_err(inspect::no_snapshot)
    }

    fn poll(&self) -> Result<Polled, Failure> {
        match self.answers.try_recv() {
            Ok(Ok(app)) => Ok(Polled::Snapshot(Box::new(app))),
            Ok(Err(error)) if error.is_disconnected() => Ok(Polled::AppEnded),
            Ok(Err(error)) => Err(inspect::no_snapshot(error)),
            Err(TryRecvError::Empty) => Ok(Polled::Nothing),
            Err(TryRecvError::Disconnected) => Err(poller_ended()),
        }
    }
}

/// Asks for a snapshot. Connects again if the app has given the place of a quiet client to another.
fn ask_again(client: &mut Client) -> Result<AppSnapshot, AskError> {
    match inspect::ask(client) {
        Err(error) if error.is_disconnected() => match Client::connect(client.path()) {
            Ok(connected) => {
                *client = connected;
                inspect::ask(client)
            }
            Err(_) => Err(error),
        },
        answered => answered,
    }
}

fn poller_ended() -> Failure {
    Failure::run("the app sent no snapshot", PollerEnded)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;

    use airssys_wasm::control::{Answer, AnswerLine, VERSION};

    use super::*;
    use crate::tree::tests::app;

    #[test]
    fn end_of_the_app_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("app.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let poller = Poller::start(Client::connect(&socket).unwrap()).unwrap();
        // The app reads the question, and ends instead of an answer. The next question meets a closed
        // connection.
        let mut question = String::new();
        BufReader::new(listener.accept().unwrap().0).read_line(&mut question).unwrap();
        drop(listener);
        for _ in 0..2 {
            let polled = loop {
                match poller.poll().unwrap() {
                    Polled::Nothing => std::thread::yield_now(),
                    polled => break polled,
                }
            };
            assert!(matches!(polled, Polled::AppEnded), "{polled:?}");
            poller.ask();
        }
        assert_eq!(ended(&app()), "shop has ended; the last snapshot was taken 1:02 after its start");
    }

    #[test]
    fn poller_connects_again_if_its_place_was_given_away() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("app.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let poller = Poller::start(Client::connect(&socket).unwrap()).unwrap();
        let mut question = String::new();
        BufReader::new(listener.accept().unwrap().0).read_line(&mut question).unwrap();
        // The first connection is closed without an answer.
        let mut again = BufReader::new(listener.accept().unwrap().0);
        question.clear();
        again.read_line(&mut question).unwrap();
        let line = AnswerLine { version: VERSION, answer: Answer::Snapshot(Box::new(app())) };
        writeln!(again.get_mut(), "{}", serde_json::to_string(&line).unwrap()).unwrap();
        assert_eq!(poller.wait().unwrap(), app());
    }
}
