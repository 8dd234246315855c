//! `airssys top`: a running app, live.

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
use crate::{control, inspect};

use model::{Model, Step};
use screen::{EndSignal, Screen};

/// How soon a key is noticed, and a signal.
const NOTICE: Duration = Duration::from_millis(50);

/// It is drawn, not printed.
#[derive(Debug, thiserror::Error)]
#[error("top draws a screen; `airssys inspect --json` prints the same once")]
struct NoJson;

/// Where there is no terminal to draw on.
#[derive(Debug, thiserror::Error)]
#[error("the standard output is no terminal; `airssys inspect` prints the same once")]
struct NoTerminal;

/// The thread that asks is gone: it never ends before this one.
#[derive(Debug, thiserror::Error)]
#[error("nobody asks the app any more")]
struct NoAsker;

pub(crate) fn top(args: &Top) -> Result<(), Failure> {
    if args.target.json {
        return Err(Failure::usage(NoJson));
    }
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Failure::usage(NoTerminal));
    }
    let client = control::connect(&args.target)?;
    let asker = Asker::start(client);
    // Before the screen is taken: a failure is printed as always.
    let first = asker.wait()?;
    let mut model = Model::new(first, Duration::from_millis(args.interval), colour());
    let drawn = Screen::take().map_err(|error| Failure::run("the terminal cannot be used", error));
    let mut screen = drawn?;
    let shown = show(&mut model, &asker, &mut screen);
    drop(screen);
    shown
}

fn colour() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// Draws and asks until somebody has seen enough, or the app has gone.
fn show(model: &mut Model, asker: &Asker, screen: &mut Screen) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::run("the terminal cannot be used", error);
    let ended = EndSignal::listen().map_err(failed)?;
    let (mut due, mut asked) = (Instant::now() + model.interval(), false);
    loop {
        screen.draw(|frame| view::draw(frame, model)).map_err(failed)?;
        // Until something has changed.
        loop {
            if ended.came() {
                return Ok(());
            }
            if let Some(app) = asker.answer()? {
                model.update(app);
                asked = false;
                break;
            }
            if !asked && Instant::now() >= due && !model.is_paused() {
                asker.ask();
                (asked, due) = (true, Instant::now() + model.interval());
            }
            if !event::poll(NOTICE).map_err(failed)? {
                continue;
            }
            match event::read().map_err(failed)? {
                Event::Key(key) if key.kind != KeyEventKind::Release => match model.key(key) {
                    Step::Quit => return Ok(()),
                    Step::Ask => due = Instant::now(),
                    Step::Draw => {}
                },
                _ => {}
            }
            break;
        }
    }
}

/// Asks the app on a thread of its own, so that one that does not answer holds no key up.
struct Asker {
    questions: Sender<()>,
    answers: Receiver<Result<AppSnapshot, Failure>>,
}

impl Asker {
    /// Asks once.
    fn start(mut client: Client) -> Asker {
        let (questions, asked) = channel();
        let (told, answers) = channel();
        let asker = Asker { questions, answers };
        asker.ask();
        std::thread::spawn(move || {
            while asked.recv().is_ok() {
                if told.send(inspect::ask(&mut client)).is_err() {
                    return;
                }
            }
        });
        asker
    }

    fn ask(&self) {
        // Whoever does not listen any more does not answer either, which is seen there.
        let _ = self.questions.send(());
    }

    fn wait(&self) -> Result<AppSnapshot, Failure> {
        self.answers.recv().unwrap_or_else(|_| Err(gone()))
    }

    fn answer(&self) -> Result<Option<AppSnapshot>, Failure> {
        match self.answers.try_recv() {
            Ok(answer) => answer.map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(gone()),
        }
    }
}

fn gone() -> Failure {
    Failure::run("the app did not say how it is", NoAsker)
}
