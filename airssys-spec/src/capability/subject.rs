//! The holder of rights.

use crate::pattern::check_instance_name;

/// An instance of a component, as the holder of the component's rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    component: String,
    instance: String,
}

impl Subject {
    /// Makes the subject of an instance, such as `pool/2`, of the component `pool`.
    pub fn new(component: impl Into<String>, instance: impl Into<String>) -> Self {
        Self { component: component.into(), instance: instance.into() }
    }

    /// Returns the component's name in the app.
    pub fn component(&self) -> &str {
        &self.component
    }

    /// Returns the instance's name.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Returns true if the name is that of its component or of one of that component's instances.
    pub(super) fn is_own(&self, name: &str) -> bool {
        let below = name.strip_prefix(self.component.as_str());
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && check_instance_name(name).is_ok()
    }
}
