//! A denial, and the manifest lines that would lift it.

use std::fmt;

use thiserror::Error;

use super::rows::Capability;
use super::subject::Subject;

/// A denied access.
///
/// `Display` names the lines of both manifests that would allow the access, or the revocation that
/// denies it. The text is meant for the operator, because a guest learns only that access is denied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub struct Denied {
    /// The instance that was denied access.
    pub who: Subject,
    /// The kind of right that it lacks.
    pub capability: Capability,
    /// Another kind of right that would do, if it is not known which of the two was meant.
    pub or: Option<Capability>,
    /// The name, topic, pattern or use; `None` for [`Capability::Input`].
    pub object: Option<String>,
    /// The pattern that allowed it until an operator revoked it, while the app runs.
    pub revoked: Option<String>,
}

impl Denied {
    /// Makes the denial of an access to this object.
    pub fn new(who: Subject, capability: Capability, object: impl Into<String>) -> Denied {
        Denied::of(who, capability, Some(object.into()))
    }

    pub(super) fn of(who: Subject, capability: Capability, object: Option<String>) -> Denied {
        Denied { who, capability, or: None, object, revoked: None }
    }

    /// Returns the line under `[capabilities]` of `Component.toml` that asks for the right.
    pub fn component_line(&self) -> String {
        self.lines(|capability| match &self.object {
            Some(object) => format!("{} = [{object:?}]", capability.key()),
            None => format!("{} = true", capability.key()),
        })
    }

    /// Returns the line under `[grants.<component>]` of `app.toml` that grants the right.
    pub fn grant_line(&self) -> String {
        self.lines(|capability| grant_line(capability, self.object.as_slice()))
    }

    /// Returns the command that gives a revoked right back. Returns `None` if none was revoked.
    pub fn give_command(&self) -> Option<String> {
        let pattern = self.revoked.as_deref()?;
        Some(give_command(self.who.component(), self.capability, pattern))
    }

    fn lines(&self, line: impl Fn(Capability) -> String) -> String {
        match self.or {
            Some(other) => format!("{} or {}", line(self.capability), line(other)),
            None => line(self.capability),
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` may not {}", self.who.instance(), self.capability.verb())?;
        if let Some(other) = self.or {
            write!(f, " or {}", other.verb())?;
        }
        if let Some(object) = &self.object {
            write!(f, " `{object}`")?;
        }
        if let (Some(pattern), Some(command)) = (&self.revoked, self.give_command()) {
            let key = self.capability.key();
            return write!(
                f,
                ": {key} = [{pattern:?}] was revoked while the app runs; to give it back: {command}"
            );
        }
        let (ask, grant, component) = (self.component_line(), self.grant_line(), self.who.component());
        write!(f, ": to allow it, Component.toml asks under [capabilities]: {ask}")?;
        write!(f, ", and app.toml grants under [grants.{component}]: {grant}")
    }
}

/// Returns the command that gives a right to a component while the app runs.
pub fn give_command(component: &str, capability: Capability, pattern: &str) -> String {
    // Names, topics and uses contain no quotes.
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-./_:".contains(c);
    let pattern = if pattern.chars().all(is_word) { pattern.to_owned() } else { format!("'{pattern}'") };
    format!("airssys grants give {component} {} {pattern}", capability.key())
}

/// Returns the line of `app.toml` that grants a right to these objects.
pub fn grant_line(capability: Capability, objects: &[String]) -> String {
    match capability {
        Capability::Input => "input = \"FILE\"".to_owned(),
        _ => format!("{} = {objects:?}", capability.key()),
    }
}
