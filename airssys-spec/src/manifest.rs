//! Manifests: `Component.toml`, what a component is and asks for; `app.toml`, which components make
//! an app and what it grants them.
//!
//! Reading is in two steps. [`AppManifest::parse`] and [`ComponentManifest::parse`] look at one
//! file each; [`AppManifest::load`] reads an app with the manifests of all its components and holds
//! them against each other. Whatever is wrong in any of the files is found in one go and comes back
//! as [`Diagnostics`]: each names its place and how to mend it.

mod amount;
mod app;
mod audit;
mod backoff;
mod component;
mod diagnostic;
mod group;
mod limits;
mod lists;
mod load;
mod reader;
mod resolve;
mod service;

use std::path::PathBuf;

use airssys_core::{Overflow, RestartPolicy, SupervisorConfig, TopicPattern};
use airssys_message::Accepts;
use semver::Version;

pub use self::app::AppManifest;
pub use self::diagnostic::{Diagnostic, Diagnostics};
pub use self::group::{Group, GroupMember, OnGiveUp};
pub use self::load::{Disk, Files};
pub use self::service::{ConfigTable, ServiceTable};
use crate::audit_file::AuditFile;
use crate::capability::Capabilities;
use crate::delivery::Delivery;
pub use crate::input::Input;
use crate::limits::Limits;
pub use crate::pattern::HOST_NAME;

/// The most messages that a mailbox may be made for.
pub const MAX_MAILBOX_CAPACITY: usize = 1_000_000;

/// The most attempts that may be made to handle a message.
pub const MAX_ATTEMPTS: u32 = 100;

/// The most messages of a batch.
pub const MAX_BATCH_SIZE: usize = 64;

/// The most instances that a component may have in an app.
pub const MAX_INSTANCES: usize = 10_000;

/// What a `Component.toml` says: what the component is and what it asks for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ComponentManifest {
    /// The component's name, unless the app gives it another.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// What it does, for people.
    pub description: Option<String>,
    /// The codecs it takes, in messages and in replies, and the one it prefers.
    pub accepts: Accepts,
    /// The topics that it is subscribed to from its start.
    pub subscribes: Vec<TopicPattern>,
    /// Its mailbox.
    pub mailbox: Mailbox,
    /// What becomes of a message whose handler fails, or asks for another attempt.
    pub delivery: Delivery,
    /// The most messages that it handles with one call, from 1 to [`MAX_BATCH_SIZE`].
    pub batch_size: usize,
    /// What it asks the app to grant. `subscribe` holds `subscribes` too.
    pub capabilities: Capabilities,
    /// The limits it asks for, with defaults where it asks for nothing.
    pub limits: Limits,
}

/// How many messages may wait for a component, and what happens to more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// How many messages, from 1 to [`MAX_MAILBOX_CAPACITY`].
    pub capacity: usize,
    /// What a sender meets when they are that many.
    pub overflow: Overflow,
}

impl Default for Mailbox {
    /// 1024 messages; senders wait.
    fn default() -> Self {
        Self { capacity: 1024, overflow: Overflow::Wait }
    }
}

/// An app with everything resolved: what [`AppManifest::load`] makes of its manifests.
///
/// Paths are joined to the folder of `app.toml`, so they are relative if its path was.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct App {
    /// The app's name.
    pub name: String,
    /// The `app.toml`.
    pub file: PathBuf,
    /// The component whose end, with all mailboxes drained, ends the run. It has one instance.
    pub until: Option<String>,
    /// The component that is asked for its report at the end.
    pub report: Option<String>,
    /// The folder for what outlives the host.
    pub state: Option<PathBuf>,
    /// How its components are restarted.
    pub supervisor: SupervisorConfig,
    /// The tables of the host's services, in the order of the file.
    pub services: Vec<ServiceTable>,
    /// Where its audit goes, if it is kept.
    pub audit: Option<AuditFile>,
    /// The components, in the order of the file: at least one, their names distinct.
    pub components: Vec<AppComponent>,
    /// The groups: each is before the groups in it.
    pub groups: Vec<Group>,
    /// The components and groups directly below the root supervisor, in the order of their start,
    /// which is that of the file.
    pub members: Vec<GroupMember>,
}

impl App {
    /// The component that has this name in the app.
    pub fn component(&self, name: &str) -> Option<&AppComponent> {
        self.components.iter().find(|component| component.name == name)
    }

    /// Returns the group of this name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }
}

/// A component of an app: what it asks for, as far as it is in force.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AppComponent {
    /// Its name in the app.
    pub name: String,
    /// Where its code comes from.
    pub source: Source,
    /// The `Component.toml`.
    pub manifest_file: PathBuf,
    /// What that says.
    pub manifest: ComponentManifest,
    /// How many instances run side by side, from 1 to [`MAX_INSTANCES`].
    pub instances: usize,
    /// When an instance that ends is started again.
    pub restart: RestartPolicy,
    /// The mailbox of each instance.
    pub mailbox: Mailbox,
    /// The limits of each instance: those asked for, and the app's maximum where that is less than
    /// a default.
    pub limits: Limits,
    /// What it may do: what it asks for, all of which the app grants.
    pub capabilities: Capabilities,
    /// What it reads as its standard input, if it asks for one.
    pub input: Option<Input>,
    /// The settings it is initialised with, in the order of the file.
    pub config: Vec<(String, String)>,
}

impl AppComponent {
    /// The names of its instances: its own if there is one, otherwise followed by `/1`, `/2` and so
    /// on.
    pub fn instance_names(&self) -> impl Iterator<Item = String> + '_ {
        (1..=self.instances).map(|number| match self.instances {
            1 => self.name.clone(),
            _ => format!("{}/{number}", self.name),
        })
    }
}

/// Where a component's code comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The folder of a project, which is built to get the code.
    Folder(PathBuf),
    /// A `.wasm` file.
    Wasm(PathBuf),
}
