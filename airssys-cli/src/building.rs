//! Progress of builds and of compilation: which component of how many, the step, and the time so far.
//!
//! On a terminal this is one line, renewed each second. Elsewhere each step is a line, and so is each
//! further interval.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use airssys_wasm::builder::{BuildEvent, TARGET};
use airssys_wasm::manifest::{App, Source};

use crate::plain::plain;
use crate::terminal::Terminal;

/// The time between two updates of the progress line.
const BEAT: Duration = Duration::from_secs(1);

/// The time between two lines about an activity without a terminal.
const ELSEWHERE: Duration = Duration::from_secs(10);

/// A component that takes longer to load is being compiled, because compiled code loads at once.
const COMPILES: Duration = Duration::from_secs(1);

/// The progress of an app's builds and of its compilation. Dropping it ends its thread.
pub(crate) struct Building {
    terminal: Terminal,
    /// The folders of all components that are built, with links resolved.
    folders: Vec<PathBuf>,
    /// The names of all components that are loaded.
    names: Vec<String>,
    activities: Activities,
    /// Made when the first activity begins, because most runs build nothing.
    pulse: Option<(Sender<()>, JoinHandle<()>)>,
}

/// The activities that take time now, the oldest first. Components are loaded side by side.
type Activities = Arc<Mutex<Vec<Activity>>>;

/// An activity that takes time.
struct Activity {
    title: String,
    step: Option<String>,
    began: Instant,
    /// The time from which it is shown again.
    due: Instant,
    /// True for a component that is being loaded.
    loads: bool,
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
        Building {
            terminal: terminal.clone(),
            folders,
            names: Vec::new(),
            activities: Arc::default(),
            pulse: None,
        }
    }

    /// Adds the names of all components that are loaded.
    pub(crate) fn with_names(mut self, names: impl IntoIterator<Item = String>) -> Building {
        self.names.extend(names);
        self
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
        let now = Instant::now();
        *lock(&self.activities) = vec![Activity { title, step: None, began: now, due: now, loads: false }];
        self.show_due();
    }

    /// Shows that a component is being loaded, and that it is being compiled once that takes long.
    pub(crate) fn loading(&mut self, name: &str) {
        self.terminal.working(self.loading_title("loading", name));
        let (title, began) = (self.loading_title("compiling", name), Instant::now());
        let activity = Activity { title, step: None, began, due: began + COMPILES, loads: true };
        let mut activities = lock(&self.activities);
        // The builds have ended.
        activities.retain(|activity| activity.loads);
        activities.push(activity);
        drop(activities);
        self.show_due();
    }

    /// Ends the activity of loading this component.
    pub(crate) fn loaded(&self, name: &str) {
        let title = self.loading_title("compiling", name);
        lock(&self.activities).retain(|activity| activity.title != title);
    }

    /// Ends all activities.
    pub(crate) fn end(&self) {
        lock(&self.activities).clear();
    }

    fn step(&mut self, step: String, is_line: bool) {
        if let Some(activity) = lock(&self.activities).first_mut() {
            activity.step = Some(step);
            if is_line {
                activity.due = Instant::now();
            }
        }
        self.show_due();
    }

    /// Shows the oldest activity that is due, and looks again every second.
    fn show_due(&mut self) {
        show_due(&self.terminal, &self.activities);
        if self.pulse.is_some() {
            return;
        }
        let (sender, receiver) = channel();
        let (terminal, activities) = (self.terminal.clone(), self.activities.clone());
        let beat = move || {
            while receiver.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                show_due(&terminal, &activities);
            }
        };
        // Without the thread, only the time so far is missing.
        let thread = std::thread::Builder::new().name("airssys-progress".to_owned()).spawn(beat);
        self.pulse = thread.ok().map(|thread| (sender, thread));
    }

    fn title(&self, folder: &Path) -> String {
        let name = folder.file_name().unwrap_or(folder.as_os_str()).display();
        let place = self.folders.iter().position(|other| other == folder);
        format!("building {name}{}", of_how_many(place, self.folders.len()))
    }

    fn loading_title(&self, verb: &str, name: &str) -> String {
        let place = self.names.iter().position(|other| other == name);
        format!("{verb} {}{}", plain(name), of_how_many(place, self.names.len()))
    }
}

/// Formats the place of a component, such as ` (1 of 2)`.
fn of_how_many(place: Option<usize>, all: usize) -> String {
    match place {
        Some(place) if all > 1 => format!(" ({} of {all})", place + 1),
        _ => String::new(),
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

/// Shows the oldest activity that is due: in the progress line, or as a line if there is no terminal.
fn show_due(terminal: &Terminal, activities: &Mutex<Vec<Activity>>) {
    // Held while it is written, so that no line about an activity follows its end.
    let mut activities = lock(activities);
    match terminal.shows_progress() {
        true => due(&mut activities, Instant::now(), Duration::ZERO)
            .into_iter()
            .for_each(|text| terminal.working(text)),
        false => due(&mut activities, Instant::now(), ELSEWHERE).iter().for_each(|text| terminal.line(text)),
    }
}

/// Returns the text of the oldest activity that is due, which is due again after a while.
fn due(activities: &mut [Activity], now: Instant, again: Duration) -> Option<String> {
    let activity = activities.iter_mut().find(|activity| activity.due <= now)?;
    activity.due = now + again;
    Some(activity.text(now))
}

fn lock(activities: &Mutex<Vec<Activity>>) -> MutexGuard<'_, Vec<Activity>> {
    activities.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_place_the_time_and_the_step() {
        let began = Instant::now();
        let title = "building shop (1 of 2)".to_owned();
        let mut activity = Activity { title, step: None, began, due: began, loads: false };
        assert_eq!(activity.text(began), "building shop (1 of 2)");
        activity.step = Some("esbuild bundles its sources".to_owned());
        let later = began + Duration::from_millis(8_900);
        assert_eq!(activity.text(later), "building shop (1 of 2), 8 s: esbuild bundles its sources");
    }

    #[test]
    fn compilation_is_shown_once_it_takes_long_and_then_at_intervals() {
        let began = Instant::now();
        let load = |place| {
            let title = format!("compiling shop{}", of_how_many(Some(place), 3));
            Activity { title, step: None, began, due: began + COMPILES, loads: true }
        };
        let mut activities = [load(0), load(2)];
        let mut shown = |ms| due(&mut activities, began + Duration::from_millis(ms), ELSEWHERE);
        assert_eq!(shown(999), None);
        assert_eq!(shown(1_000).unwrap(), "compiling shop (1 of 3), 1 s");
        assert_eq!(shown(2_000).unwrap(), "compiling shop (3 of 3), 2 s");
        assert_eq!(shown(10_999), None);
        assert_eq!(shown(11_000).unwrap(), "compiling shop (1 of 3), 11 s");
        assert_eq!(of_how_many(Some(0), 1), "", "there is only one");
    }
}
