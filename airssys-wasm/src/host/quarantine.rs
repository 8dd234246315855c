//! Instances and groups that gave up, and wait until they are resumed.

use std::collections::BTreeSet;

use airssys_rt::{ActorState, ChildSnapshot, SupervisorRef};

use crate::host::ComponentHost;
use crate::sync::lock;

/// Reasons for which nothing is resumed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// No component, instance or group has this name.
    #[error("no component and no group has the name `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// It is not quarantined.
    #[error("`{name}` is not quarantined; `airssys inspect` shows the states")]
    NotQuarantined {
        /// The name.
        name: String,
    },
}

impl ComponentHost {
    /// Starts the quarantined instances of a component again, or one instance, or a quarantined group.
    /// Each goes on with its mailbox, and its earlier restarts no longer count. Returns their names.
    ///
    /// # Errors
    /// [`ResumeError`] if the name is unknown, or nothing behind it is quarantined.
    pub fn resume(&self, name: &str) -> Result<Vec<String>, ResumeError> {
        let groups = lock(&self.shared.groups).clone();
        if let Some(group) = groups.iter().find(|group| group.name() == name) {
            return match group.resume() {
                true => Ok(vec![name.to_owned()]),
                false => Err(ResumeError::NotQuarantined { name: name.to_owned() }),
            };
        }
        let component = component_of(name);
        let mut actors = self.actors(component);
        actors.retain(|actor| component == name || actor.name() == name);
        if actors.is_empty() {
            return Err(ResumeError::Unknown { name: name.to_owned() });
        }
        actors.retain(|actor| actor.resume());
        match actors.is_empty() {
            true => Err(ResumeError::NotQuarantined { name: name.to_owned() }),
            false => Ok(actors.iter().map(|actor| actor.name().to_owned()).collect()),
        }
    }

    /// Returns the names of the components with an instance that is quarantined, by itself or with its
    /// group, in order.
    pub fn quarantined(&self) -> Vec<String> {
        let (mut names, mut below) = (BTreeSet::new(), vec![(self.system().snapshot().root, false)]);
        while let Some((supervisor, waits)) = below.pop() {
            let waits = waits || supervisor.state == ActorState::Quarantined;
            for child in supervisor.children {
                match child {
                    ChildSnapshot::Supervisor(child) => below.push((child, waits)),
                    ChildSnapshot::Actor(actor) if waits || actor.stats.state == ActorState::Quarantined => {
                        names.insert(component_of(&actor.name).to_owned());
                    }
                    _ => {}
                }
            }
        }
        names.into_iter().collect()
    }

    /// Returns the number of messages, callbacks and restarts in flight of all other components.
    pub(crate) fn in_flight_beside(&self, names: &[String]) -> usize {
        let components = self.components();
        let of = |name: &String| components.get(name).map(|one| one.endpoint.account.in_flight.get());
        let theirs: usize = names.iter().filter_map(of).sum();
        self.in_flight().saturating_sub(theirs)
    }

    /// Adds a group that can be resumed by its name.
    pub(crate) fn add_group(&self, group: SupervisorRef) {
        lock(&self.shared.groups).push(group);
    }
}

/// Returns the name of an instance's component.
fn component_of(instance: &str) -> &str {
    instance.split_once('/').map_or(instance, |(component, _)| component)
}
