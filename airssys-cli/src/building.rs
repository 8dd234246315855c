//! Progress of builds: which component of how many, the step, and the time so far.
//!
//! On a terminal this is one line, renewed each second. Elsewhere each step is a line, and so is each
//! further interval.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use airssys_wasm::builder::{BuildEvent, TARGET};
use airssys_wasm::manifest::{App, Source};

use crate::plain::plain;
use crate::terminal::Terminal;

/// The time between two updates of the progress line, and between two lines without a terminal.
const ON_TERMINAL: Duration = Duration::from_secs(1);
const ELSEWHERE: Duration = Duration::from_secs(10);

/// The progress of an app's builds. Dropping it ends its thread.
pub(crate) struct Building {
    terminal: Terminal,
    /// The folders of all components that are built, with links resolved.
    folders: Vec<PathBuf>,
    activity: Arc<Mutex<Option<Activity>>>,
    /// Made when the first activity begins, because most runs build nothing.
    pulse: Option<(Sender<()>, JoinHandle<()>)>,
}

/// The activity that takes time now.
struct Activity {
    title: String,
    step: Option<String>,
    began: Instant,
}

impl Activity {
    /// The progress at a time, such as `building shop (1 of 2), 8 s: esbuild bundles its sources`.
    fn text(&self, now: Instant) -> String {
        let seconds = now.saturating_duration_since(self.began).as_secs();
        let time = if seconds > 0 { format!(", {seconds} s") } else { String::new() };
        let step = self.step.as_ref().map_or_else(String::new, |step| format!(": {step}"));
        format!("{}{time}{step}", self.title)
    }
}

/// Returns the folders of an app's components that are built.
pub(crate) fn folders(app: &App) -> Vec<PathBuf> {
    let sources = app.components.iter().filter_map(|component| match &component.source {
        Source::Folder(folder) => Some(folder.clone()),
        _ => None,
    });
    sources.collect()
}

impl Building {
    pub(crate) fn new(terminal: &Terminal, folders: &[PathBuf]) -> Building {
        let real = |folder: &PathBuf| folder.canonicalize().unwrap_or_else(|_| folder.clone());
        let folders = folders.iter().map(real).collect();
        Building { terminal: terminal.clone(), folders, activity: Arc::default(), pulse: None }
    }

    /// Shows a step of a build.
    pub(crate) fn show(&mut self, event: &BuildEvent) {
        match event {
            BuildEvent::AddingTarget => self.begin(format!("adding the target {TARGET} with rustup"), true),
            BuildEvent::InstallingTools { language } => {
                self.begin(format!("installing the tools for {language}"), true);
            }
            BuildEvent::OwnSdk { folder } => {
                let folder = folder.display();
                self.terminal.line(&format!("airssys-sdk is not released yet; taking it from {folder}"));
            }
            BuildEvent::NotRecorded { folder, reason } => {
                let name = folder.file_name().unwrap_or(folder.as_os_str()).display();
                self.terminal.line(&format!("{name} will be built again by the next run, because {reason}"));
            }
            BuildEvent::Building { folder } => self.begin(self.title(folder), false),
            BuildEvent::Step(step) => self.step((*step).to_owned(), true),
            BuildEvent::Output(line) => {
                tracing::debug!(target: "airssys::build", "{}", line.trim());
                self.step(plain(line.trim()).into_owned(), false);
            }
            _ => {}
        }
    }

    /// Begins an activity that may take long. `always` prints its line on a terminal too.
    pub(crate) fn begin(&mut self, title: String, always: bool) {
        if always && self.terminal.shows_progress() {
            self.terminal.line(&title);
        }
        self.set(Some(Activity { title, step: None, began: Instant::now() }));
        self.shown(true);
    }

    /// Ends the activity.
    pub(crate) fn end(&self) {
        self.set(None);
    }

    fn step(&mut self, step: String, is_line: bool) {
        let mut activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(activity) = activity.as_mut() {
            activity.step = Some(step);
        }
        drop(activity);
        self.shown(is_line);
    }

    fn set(&self, activity: Option<Activity>) {
        *self.activity.lock().unwrap_or_else(PoisonError::into_inner) = activity;
    }

    /// Shows the activity at once, and again at intervals.
    fn shown(&mut self, is_line: bool) {
        show(&self.terminal, &self.activity, is_line);
        if self.pulse.is_some() {
            return;
        }
        let interval = if self.terminal.shows_progress() { ON_TERMINAL } else { ELSEWHERE };
        let (sender, receiver) = channel();
        let (terminal, activity) = (self.terminal.clone(), self.activity.clone());
        let beat = move || {
            while receiver.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                show(&terminal, &activity, true);
            }
        };
        // Without the thread, only the time so far is missing.
        let thread = std::thread::Builder::new().name("airssys-progress".to_owned()).spawn(beat);
        self.pulse = thread.ok().map(|thread| (sender, thread));
    }

    fn title(&self, folder: &Path) -> String {
        let name = folder.file_name().unwrap_or(folder.as_os_str()).display();
        match self.folders.iter().position(|other| other == folder) {
            Some(place) if self.folders.len() > 1 => {
                format!("building {name} ({} of {})", place + 1, self.folders.len())
            }
            _ => format!("building {name}"),
        }
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.pulse.take() {
            drop(sender);
            // A panic of the thread was only about the progress.
            drop(thread.join());
        }
    }
}

/// Shows the activity in the progress line, or as a line if there is no terminal.
fn show(terminal: &Terminal, activity: &Mutex<Option<Activity>>, is_line: bool) {
    // Held while it is written, so that no line about an activity follows its end.
    let activity = activity.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(activity) = activity.as_ref() else { return };
    let text = activity.text(Instant::now());
    match terminal.shows_progress() {
        true => terminal.working(text),
        false if is_line => terminal.line(&text),
        false => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_place_the_time_and_the_step() {
        let began = Instant::now();
        let mut activity = Activity { title: "building shop (1 of 2)".to_owned(), step: None, began };
        assert_eq!(activity.text(began), "building shop (1 of 2)");
        activity.step = Some("esbuild bundles its sources".to_owned());
        let later = began + Duration::from_millis(8_900);
        assert_eq!(activity.text(later), "building shop (1 of 2), 8 s: esbuild bundles its sources");
    }
}
