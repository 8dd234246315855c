//! Instances and groups that gave up, and wait until they are resumed.

use std::collections::{BTreeMap, BTreeSet};

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
    /// It waits with a quarantined group.
    #[error("`{name}` is quarantined with its group; `airssys resume {group}` starts the group again")]
    WithGroup {
        /// The name.
        name: String,
        /// The group that is resumed.
        group: String,
    },
}

/// The components and groups that wait in quarantine.
#[derive(Default)]
struct Quarantined {
    /// The names that are resumed: groups, and components outside of these groups.
    names: BTreeSet<String>,
    /// The components with an instance that waits, by itself or with its group.
    components: BTreeSet<String>,
    /// The instances, components and groups below a quarantined group, each with that group.
    members: BTreeMap<String, String>,
}

impl ComponentHost {
    /// Starts the quarantined instances of a component again, or one instance, or a quarantined group.
    /// Each goes on with its mailbox, and its earlier restarts no longer count. Returns their names.
    ///
    /// # Errors
    /// [`ResumeError`] if the name is unknown, or nothing behind it is quarantined.
    pub fn resume(&self, name: &str) -> Result<Vec<String>, ResumeError> {
        if let Some(group) = self.look_for_quarantined().members.remove(name) {
            return Err(ResumeError::WithGroup { name: name.to_owned(), group });
        }
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

    /// Returns the names that [`resume`](Self::resume) takes now, in order: those of quarantined groups,
    /// and of components outside of these groups with a quarantined instance.
    pub fn quarantined(&self) -> Vec<String> {
        self.look_for_quarantined().names.into_iter().collect()
    }

    /// Returns the names of the components with an instance that is quarantined, by itself or with its
    /// group, in order.
    pub(crate) fn quarantined_components(&self) -> Vec<String> {
        self.look_for_quarantined().components.into_iter().collect()
    }

    fn look_for_quarantined(&self) -> Quarantined {
        let mut found = Quarantined::default();
        let mut below = vec![(self.system().snapshot().root, None)];
        while let Some((supervisor, mut group)) = below.pop() {
            if let Some(group) = &group {
                found.members.insert(supervisor.name.clone(), String::clone(group));
            } else if supervisor.state == ActorState::Quarantined {
                found.names.insert(supervisor.name.clone());
                group = Some(supervisor.name);
            }
            for child in supervisor.children {
                let actor = match child {
                    ChildSnapshot::Supervisor(child) => {
                        below.push((child, group.clone()));
                        continue;
                    }
                    ChildSnapshot::Actor(actor) => actor,
                    _ => continue,
                };
                let component = component_of(&actor.name).to_owned();
                match &group {
                    Some(group) => {
                        found.members.insert(component.clone(), group.clone());
                        found.members.insert(actor.name, group.clone());
                    }
                    None if actor.stats.state == ActorState::Quarantined => {
                        found.names.insert(component.clone());
                    }
                    None => continue,
                }
                found.components.insert(component);
            }
        }
        found
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
