//! The supervision tree of an app: its groups as supervisors, its components below them.

use std::collections::BTreeMap;

use airssys_rt::{OnLimit, PreparedSupervisor, SupervisorRef, SupervisorSpec};
use airssys_spec::manifest::{App, ComponentGivesUp, Group, GroupMember, OnGiveUp};

use crate::app::starting::{AppEvent, StartAppError};
use crate::host::ComponentHost;
use crate::host::prepare::PreparedComponent;
use crate::host::spec::ComponentSpec;
use crate::observe::snapshot::StartStep;

/// The groups and components of an app in the order of their start. All their mailboxes exist.
pub(super) struct PreparedTree {
    steps: Vec<Step>,
    stop_app: StopApp,
}

/// The groups and components that end the run when they give up.
#[derive(Default)]
pub(super) struct StopApp {
    pub(super) groups: Vec<SupervisorRef>,
    pub(super) components: Vec<String>,
}

enum Step {
    Group { parent: SupervisorRef, group: PreparedSupervisor },
    Component { name: String, component: PreparedComponent },
}

impl PreparedTree {
    /// Prepares the groups and components, depth first: a group comes before its members.
    pub(super) fn new(
        host: &ComponentHost,
        app: &App,
        specs: Vec<ComponentSpec>,
    ) -> Result<PreparedTree, StartAppError> {
        let mut specs: BTreeMap<String, ComponentSpec> =
            specs.into_iter().map(|spec| (spec.name.clone(), spec)).collect();
        let mut tree = PreparedTree { steps: Vec::new(), stop_app: StopApp::default() };
        let below = |parent: &SupervisorRef, members: &[GroupMember]| -> Vec<_> {
            members.iter().rev().map(|member| (parent.clone(), member.clone())).collect()
        };
        let mut next = below(host.system().root(), &app.members);
        let awaited = app.until.as_ref().and_then(|until| member_with(app, until));
        while let Some((parent, member)) = next.pop() {
            // The run waits for its end, so it is not quarantined unless the manifest says so.
            let ends = awaited == Some(&member);
            match member {
                GroupMember::Component(name) => {
                    let Some(mut spec) = specs.remove(&name) else { continue };
                    if ends {
                        spec.on_limit.get_or_insert(OnLimit::End);
                    }
                    if app.component(&name).is_some_and(|c| c.on_give_up == Some(ComponentGivesUp::StopApp)) {
                        tree.stop_app.components.push(name.clone());
                    }
                    let component = host.prepare_under(&parent, spec)?;
                    tree.steps.push(Step::Component { name, component });
                }
                GroupMember::Group(name) => {
                    let Some(group) = app.group(&name) else { continue };
                    let prepared = parent.prepare_supervisor(supervisor(group, ends));
                    let prepared = prepared
                        .map_err(|source| StartAppError::Group { group: name, source: source.into() })?;
                    let supervisor = prepared.supervisor_ref();
                    next.extend(below(&supervisor, &group.members));
                    if group.on_give_up == OnGiveUp::StopApp {
                        tree.stop_app.groups.push(supervisor.clone());
                    }
                    host.add_group(supervisor);
                    tree.steps.push(Step::Group { parent, group: prepared });
                }
            }
        }
        Ok(tree)
    }

    /// Starts the groups and components in their order. Returns those that stop the app when they give
    /// up.
    pub(super) async fn start(
        self,
        host: &ComponentHost,
        tell: &mut impl FnMut(AppEvent),
    ) -> Result<StopApp, StartAppError> {
        for step in self.steps {
            match step {
                Step::Group { parent, group } => {
                    let name = group.supervisor_ref().name().to_owned();
                    let started = parent.start_supervisor(group).await;
                    started.map_err(|source| StartAppError::Group { group: name, source })?;
                }
                Step::Component { name, component } => {
                    host.set_start_step(Some(StartStep::Starting(name.clone())));
                    tell(AppEvent::Starting { component: name });
                    host.start(component).await?;
                }
            }
        }
        Ok(self.stop_app)
    }
}

/// Returns the member of the app that is this component, or has it among its members.
fn member_with<'a>(app: &'a App, component: &str) -> Option<&'a GroupMember> {
    app.members.iter().find(|member| {
        let mut next = vec![*member];
        while let Some(member) = next.pop() {
            match member {
                GroupMember::Component(name) if name == component => return true,
                GroupMember::Component(_) => {}
                GroupMember::Group(name) => next.extend(app.group(name).into_iter().flat_map(|g| &g.members)),
            }
        }
        false
    })
}

fn supervisor(group: &Group, ends: bool) -> SupervisorSpec {
    let escalates = group.on_give_up == OnGiveUp::Escalate;
    let spec = SupervisorSpec::new(group.name.as_str()).config(group.supervisor).escalates(escalates);
    if ends { spec.on_limit(OnLimit::End) } else { spec }
}
