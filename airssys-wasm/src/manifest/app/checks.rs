//! What the parts of an app say about each other.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use super::parts::{AppDraft, Grant, Part};
use crate::limits::Limits;
use crate::manifest::component::{self, ComponentDraft};
use crate::manifest::diagnostic::Problems;
use crate::manifest::grants::Missing;
use crate::manifest::reader::{Found, nearest};

/// A name that components cannot have: messages from outside the app come from it.
const RESERVED: &str = "host";

/// The mistakes of an app, and where they are collected.
struct Checks<'a> {
    file: &'a Path,
    problems: &'a mut Problems,
    /// The names of the components that are known.
    names: Vec<String>,
}

/// Reports what does not fit together.
pub(super) fn check(
    file: &Path,
    app: &AppDraft,
    components: &[Option<ComponentDraft>],
    problems: &mut Problems,
) {
    let names = app.names(components);
    let all_known = names.iter().all(Option::is_some);
    let mut checks = Checks { file, problems, names: names.iter().flatten().cloned().collect() };
    checks.names_differ(app, &names);
    // A component whose manifest has mistakes is not missing: its name is just not known.
    if all_known {
        checks.references(app);
        checks.grants_name_components(app);
    }
    for ((part, draft), name) in app.components.iter().zip(components).zip(&names) {
        let (Some(draft), Some(name)) = (draft, name) else { continue };
        let grant = app.grants.iter().find(|grant| grant.component.value == *name);
        checks.granted(name, part, draft, grant);
        checks.within_limits(name, part, draft, app);
    }
}

impl Checks<'_> {
    fn problem(&mut self, span: &Range<usize>, message: String, help: String) {
        self.problems.add(self.file, Some(span.clone()), message, help);
    }

    fn names_differ(&mut self, app: &AppDraft, names: &[Option<String>]) {
        let mut first: HashMap<&str, &Part> = HashMap::new();
        for (part, name) in app.components.iter().zip(names) {
            let Some(name) = name else { continue };
            let span = part.name.as_ref().map_or(&part.span, |name| &name.span);
            if name == RESERVED {
                let message =
                    format!("a component is named `{RESERVED}`, which stands for the program itself");
                self.problem(span, message, "give it another name with name = \"…\"".to_owned());
            }
            if first.insert(name, part).is_some() {
                let message = format!("two components are named `{name}`");
                self.problem(span, message, "give one of them another name with name = \"…\"".to_owned());
            }
        }
    }

    fn references(&mut self, app: &AppDraft) {
        for (key, found) in [("until", &app.until), ("report", &app.report)] {
            if let Some(found) = found {
                self.names_component(found, &format!("`{key}`"));
            }
        }
        let until = app.until.as_ref().map(|until| &until.value);
        for (part, name) in app.components.iter().zip(self.names.clone()) {
            if until == Some(&name) && part.instances > 1 {
                let message = format!("the run waits for `{name}`, which has {} instances", part.instances);
                self.problem(&part.span, message, "take `instances` away".to_owned());
            }
        }
    }

    fn grants_name_components(&mut self, app: &AppDraft) {
        for grant in &app.grants {
            self.names_component(&grant.component, "[grants]");
            for target in grant.rights.send.iter().chain(&grant.rights.request) {
                if let Some(name) = target.value.component() {
                    let found = Found { value: name.to_owned(), span: target.span.clone() };
                    self.names_component(&found, &format!("[grants.{}]", grant.component.value));
                }
            }
        }
    }

    fn names_component(&mut self, found: &Found<String>, place: &str) {
        if self.names.contains(&found.value) {
            return;
        }
        let help = match nearest(&found.value, self.names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the components are {}", self.names.join(", ")),
        };
        self.problem(&found.span, format!("{place} names `{}`, which is no component", found.value), help);
    }

    /// A component that asks for more than the app grants does not start.
    fn granted(&mut self, name: &str, part: &Part, draft: &ComponentDraft, grant: Option<&Grant>) {
        let none = Default::default();
        let rights = grant.map_or(&none, |grant| &grant.rights);
        let place = grant.map_or(&part.span, |grant| &grant.component.span);
        for Missing { wish, key, item } in draft.rights.missing(rights) {
            let message = format!("`{name}` asks to {wish}, which the app does not grant");
            let help =
                format!("add to [grants.{name}]: {key} = [\"{item}\"], or add \"{item}\" to its {key}");
            self.problem(place, message, help);
        }
        let input = grant.and_then(|grant| grant.input.as_ref());
        match (draft.input, input) {
            (true, None) => {
                let message = format!("`{name}` asks to read an input, which the app does not grant");
                self.problem(place, message, format!("add to [grants.{name}]: input = \"FILE\""));
            }
            (true, Some(input)) if input.value != "-" => self.input_exists(input),
            _ => {}
        }
    }

    fn input_exists(&mut self, input: &Found<String>) {
        let path = component::beside(self.file, &input.value);
        if !path.is_file() {
            let message = format!("`input` names {}, which is no file", path.display());
            self.problem(&input.span, message, "name a file that is there, or \"-\"".to_owned());
        }
    }

    fn within_limits(&mut self, name: &str, part: &Part, draft: &ComponentDraft, app: &AppDraft) {
        let most = app.limits.or(&Limits::APP_DEFAULT_MAX);
        for exceeded in draft.limits.beyond(&most) {
            let (key, asked, allowed) = (exceeded.key, exceeded.asked, exceeded.allowed);
            let message = format!("`{name}` asks for {key} = {asked}; the app allows {allowed}");
            self.problem(&part.span, message, format!("add to [limits] of the app: {key} = {asked}"));
        }
    }
}
