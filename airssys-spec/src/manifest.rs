//! Manifests. A `Component.toml` describes a component and lists the rights that it asks for. An
//! `app.toml` lists the components of an app, its groups, and the rights that it grants.
//!
//! [`AppManifest::parse`] and [`ComponentManifest::parse`] read one file each. [`AppManifest::load`]
//! reads an app with the manifests of all its components, and checks them against each other. All
//! mistakes in all files are reported together as [`Diagnostics`], each with its place and its remedy.

mod amount;
mod app;
mod audit;
mod backoff;
mod component;
mod config_table;
mod diagnostic;
mod group;
mod http;
mod limits;
mod lists;
mod load;
mod reader;
mod resolve;
mod runtime;
mod secret;
mod service;
mod settings;
mod suggest;
mod syntax;
mod unreadable;
mod value;
mod variables;

use std::path::PathBuf;

use airssys_core::{Overflow, RestartPolicy, SupervisorConfig, TopicPattern};
use airssys_message::Accepts;
use semver::Version;

pub use self::app::AppManifest;
pub use self::config_table::ConfigTable;
pub use self::diagnostic::{Diagnostic, Diagnostics};
pub use self::group::{ComponentGivesUp, Group, GroupMember, OnGiveUp};
pub use self::http::{HttpKey, HttpLimits, HttpListener, HttpRoute, HttpTarget, HttpTls, PathPattern};
pub use self::load::{Disk, Files, without_dots};
pub use self::runtime::{BackendTable, LabelTable, Runtime, RuntimeSource};
pub use self::secret::Secret;
pub use self::service::ServiceTable;
pub use self::settings::SettingValue;
pub use self::variables::Variables;
use crate::audit_file::AuditFile;
use crate::capability::Capabilities;
use crate::delivery::Delivery;
pub use crate::input::Input;
use crate::limits::Limits;
pub use crate::pattern::HOST_NAME;

/// The largest capacity of a mailbox, in messages.
pub const MAX_MAILBOX_CAPACITY: usize = 1_000_000;

/// The most attempts to handle a message.
pub const MAX_ATTEMPTS: u32 = 100;

/// The most messages of a batch.
pub const MAX_BATCH_SIZE: usize = 64;

/// The most instances of a component in an app.
pub const MAX_INSTANCES: usize = 10_000;

/// A `Component.toml`: the description of a component, and the rights that it asks for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ComponentManifest {
    /// The component's name, unless the app gives it another.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// A description for people.
    pub description: Option<String>,
    /// The codecs that it accepts, in messages and in replies, and the codec that it prefers.
    pub accepts: Accepts,
    /// The topics to which it is subscribed from its start on.
    pub subscribes: Vec<TopicPattern>,
    /// Its mailbox.
    pub mailbox: Mailbox,
    /// The treatment of a message whose handler fails or asks for another attempt.
    pub delivery: Delivery,
    /// The most messages that it handles with one call, from 1 to [`MAX_BATCH_SIZE`].
    pub batch_size: usize,
    /// The rights that it asks for. `subscribe` includes `subscribes`.
    pub capabilities: Capabilities,
    /// The limits that it asks for, with defaults for the others.
    pub limits: Limits,
}

/// The capacity of a mailbox, and its overflow policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// The capacity in messages, from 1 to [`MAX_MAILBOX_CAPACITY`].
    pub capacity: usize,
    /// The overflow policy.
    pub overflow: Overflow,
}

impl Default for Mailbox {
    /// 1024 messages; senders wait.
    fn default() -> Self {
        Self { capacity: 1024, overflow: Overflow::Wait }
    }
}

/// An app that [`AppManifest::load`] has resolved from its manifests.
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
    /// The component that reports at the end.
    pub report: Option<String>,
    /// The folder for state that outlives the host.
    pub state: Option<PathBuf>,
    /// The restart intensity and the backoff of the root supervisor.
    pub supervisor: SupervisorConfig,
    /// The tables of the host's services, in the order of the file.
    pub services: Vec<ServiceTable>,
    /// The file of its audit, or `None` if no audit is written.
    pub audit: Option<AuditFile>,
    /// The addresses on which it answers HTTP requests.
    pub http: Vec<HttpListener>,
    /// The components in the order of the file: at least one. Their names differ.
    pub components: Vec<AppComponent>,
    /// The groups: each is before the groups in it.
    pub groups: Vec<Group>,
    /// The components and groups directly below the root supervisor, in the order of their start,
    /// which is that of the file.
    pub members: Vec<GroupMember>,
}

impl App {
    /// Returns the component of this name in the app.
    pub fn component(&self, name: &str) -> Option<&AppComponent> {
        self.components.iter().find(|component| component.name == name)
    }

    /// Returns the group of this name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }
}

/// A component of an app, with the settings that are in force.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AppComponent {
    /// Its name in the app.
    pub name: String,
    /// The source of its code.
    pub source: Source,
    /// The `Component.toml`.
    pub manifest_file: PathBuf,
    /// The content of that file.
    pub manifest: ComponentManifest,
    /// The number of instances, from 1 to [`MAX_INSTANCES`].
    pub instances: usize,
    /// The most instances at once, if each call from a service gets an instance of its own
    /// (`instances = "per-request"`). `instances` is 1 then.
    pub per_request: Option<usize>,
    /// The restart policy of its instances.
    pub restart: RestartPolicy,
    /// The consequence of an instance that gives up. `None` if the manifest does not say: then it is
    /// quarantined, or its group decides.
    pub on_give_up: Option<ComponentGivesUp>,
    /// The mailbox of each instance.
    pub mailbox: Mailbox,
    /// The limits of each instance. A limit that it does not ask for is the default, or the app's
    /// bound if that is less.
    pub limits: Limits,
    /// Its rights: all that it asks for, because the app grants every one.
    pub capabilities: Capabilities,
    /// Its standard input, if it asks for one.
    pub input: Option<Input>,
    /// The settings for its initialisation, in the order of the file.
    pub config: Vec<(String, SettingValue)>,
}

impl AppComponent {
    /// Returns the most stores that it has at once. With an instance for each request, one more is made at
    /// the start.
    pub fn max_stores(&self) -> usize {
        self.per_request.map_or(self.instances, |most| most.saturating_add(1))
    }

    /// Returns the names of its instances. A single instance has the component's name; several have
    /// that name followed by `/1`, `/2` and so on.
    pub fn instance_names(&self) -> impl Iterator<Item = String> + '_ {
        (1..=self.instances).map(|number| match self.instances {
            1 => self.name.clone(),
            _ => format!("{}/{number}", self.name),
        })
    }
}

/// The source of a component's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The folder of a project, which is built first.
    Folder(PathBuf),
    /// A `.wasm` file.
    Wasm(PathBuf),
}
