//! The `[[group]]` tables of `app.toml`: supervisors below the root, and their members.

use std::ops::Range;

use airssys_core::{SupervisionStrategy, SupervisorConfig};

use super::backoff;
use super::diagnostic::{Document, Fault};
use super::lists::{component_name, reserved};
use super::reader::{List, Setting, Table};
use super::suggest::string;

/// The most groups that an app may have.
const MAX_GROUPS: usize = 1024;

/// A group of an app: a supervisor below the root or below another group.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Group {
    /// The group's name. No component and no other group has it.
    pub name: String,
    /// The members in the order of their start: at least one. No other group has them.
    pub members: Vec<GroupMember>,
    /// Its strategy, its restart intensity and its backoff.
    pub supervisor: SupervisorConfig,
    /// The consequence of more restarts than its intensity allows.
    pub on_give_up: OnGiveUp,
}

/// A member of a group, or of the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupMember {
    /// The component of this name, with all its instances.
    Component(String),
    /// The group of this name.
    Group(String),
}

impl GroupMember {
    /// Returns the name of the component or group.
    pub fn name(&self) -> &str {
        match self {
            Self::Component(name) | Self::Group(name) => name,
        }
    }
}

/// The consequence of a group that gives up, because its members fail more often than its restart
/// intensity allows. Its members are stopped in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnGiveUp {
    /// The group's supervisor treats it as the failure of a child: it restarts the group, or gives
    /// up too.
    #[default]
    Escalate,
    /// The run fails.
    StopApp,
    /// The group stays stopped until the app ends, and all others run on.
    LeaveStopped,
}

/// The consequence of a component that gives up, because an instance of it would be restarted more
/// often than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComponentGivesUp {
    /// The instance waits with its mailbox until the operator resumes it, and all others run on.
    Quarantine,
    /// The run fails.
    StopApp,
}

/// A `[[group]]` as it is written.
#[derive(Debug)]
pub(super) struct WrittenGroup {
    pub(super) name: Setting<String>,
    pub(super) members: List<String>,
    pub(super) supervisor: SupervisorConfig,
    pub(super) on_give_up: OnGiveUp,
    /// The place of the table.
    pub(super) span: Range<usize>,
}

const STRATEGIES: &[(&str, SupervisionStrategy)] = &[
    ("one-for-one", SupervisionStrategy::OneForOne),
    ("one-for-all", SupervisionStrategy::OneForAll),
    ("rest-for-one", SupervisionStrategy::RestForOne),
];

const ON_GIVE_UP: &[(&str, OnGiveUp)] = &[
    ("escalate", OnGiveUp::Escalate),
    ("stop-app", OnGiveUp::StopApp),
    ("leave-stopped", OnGiveUp::LeaveStopped),
];

/// Reads all groups of an app.
pub(super) fn groups(document: &Document, root: &Table<'_>) -> Vec<WrittenGroup> {
    let (tables, _) = root.tables("group");
    if let Some(excess) = tables.get(MAX_GROUPS) {
        let message = format!("the app has {} groups: {MAX_GROUPS} are allowed", tables.len());
        document.report(excess.span(), message, "put more members into a group".to_owned());
        return Vec::new();
    }
    tables.into_iter().map(group).collect()
}

fn group(table: Table<'_>) -> WrittenGroup {
    let member_name = string(&table.document.name_of_app(0));
    let group_name = format!("{}-group", table.document.name_of_app(0));
    let name = table.required("name", &string(&group_name), component_name);
    reserved(table.document, "group", "write", name.written());
    if table.value("members").is_none() {
        table.missing("members", &format!("[{member_name}]"));
    }
    let members = table.list("members", &member_name, member);
    if let (Some(span), true, true) = (&members.span, members.items.is_empty(), members.complete) {
        let message = "`members` in [[group]] is empty".to_owned();
        let help = format!("write the names of components or groups: `members = [{member_name}]`");
        table.document.report(Some(span.clone()), message, help);
    }
    let supervisor = SupervisorConfig {
        strategy: table.choice("strategy", STRATEGIES).into_value().unwrap_or_default(),
        ..backoff::restarts(&table)
    };
    let on_give_up = table.choice("on_give_up", ON_GIVE_UP).into_value().unwrap_or_default();
    let span = table.span().unwrap_or_default();
    table.finish();
    WrittenGroup { name, members, supervisor, on_give_up, span }
}

fn member(text: &str) -> Result<String, Fault> {
    match text.split_once('/') {
        Some((component, _)) => Err(Fault {
            message: format!("{text:?} names an instance, but a member is a component or a group"),
            help: format!("write `{component:?}`: all instances of a component are in its group"),
        }),
        None => component_name(text),
    }
}
