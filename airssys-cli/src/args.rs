//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use airssys_wasm::Capability;
use airssys_wasm::builder::Language;
use clap::{ArgAction, Parser, Subcommand, ValueEnum};

/// Runs WebAssembly components as supervised actors.
#[derive(Debug, Parser)]
#[command(
    name = "airssys",
    version,
    max_term_width = 100,
    after_help = "Exit status:
  0    success
  1    the app failed: a component did not start or was given up, or the one of `until` failed;
       or no app is running, or the running app could not do what was asked;
       or the output cannot be written, except to a pipe whose reader has ended
  2    the command line is wrong
  3    a manifest is wrong, or a component does not fit this host
  4    a component does not build
  130  stopped by Ctrl-C; the app was shut down in order, and its report and its stats printed.
       SIGTERM and SIGHUP stop an app in the same way. The status is 0 then, but 143 or 129 if
       the app has `until`, because its work is not done. A second signal ends the program at once

Environment:
  RUST_LOG            log filter, such as `airssys=debug`; overrides -v
  AIRSSYS_CACHE_DIR   folder of the compiled components
  AIRSSYS_RUNTIME     file with the configuration of backends; overrides --config FILE
  AIRSSYS_TOOLS_DIR   folder of the tools for JavaScript and Python
  XDG_RUNTIME_DIR     folder of the control sockets of running apps
  NO_COLOR            never colour the output
  OTEL_*              export of traces, such as OTEL_EXPORTER_OTLP_ENDPOINT"
)]
pub(crate) struct Args {
    /// Log more: -v shows dead letters and the runtime's log, -vv its details.
    #[arg(short, long, global = true, display_order = 200, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Run),
    Build(Build),
    Check(Check),
    New(New),
    Inspect(Inspect),
    Top(Top),
    Grants(Grants),
    Explain(Explain),
    DeadLetters(DeadLetters),
    Retained(Retained),
    Resume(Resume),
    Reload(Reload),
}

/// Run an app.
///
/// Builds the components that are folders, starts the app, and shows its progress. If the manifest
/// has `until = "COMPONENT"`, the run ends when that component has stopped and every mailbox has
/// drained. Otherwise it ends with Ctrl-C. The app's report and its stats are printed at the end.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// The app's manifest, app.toml, or the folder that it is in.
    #[arg(default_value = ".")]
    pub(crate) app: PathBuf,

    #[command(flatten)]
    pub(crate) config: Config,

    /// Read this file instead of the input that the manifest grants; `-` is the standard input.
    ///
    /// If several components read an input, NAME=FILE is the file for the component NAME.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<OsString>,

    /// Print the result as JSON on the standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Time for all components together to stop, in seconds.
    ///
    /// One component has half of it. Components that are still running then are ended. A second signal
    /// ends the program at once. A run that a signal stops waits up to half of this time for the app's
    /// report. If the program still runs after twice this time and 5 s, it ends without its result.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) stop_timeout: u64,

    /// Serve metrics for Prometheus at this address, such as 127.0.0.1:9464, under /metrics.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,

    /// Allow a metrics address that other machines can reach, not only a loopback address.
    #[arg(long, requires = "metrics")]
    pub(crate) metrics_anywhere: bool,

    /// Open the control socket at this path.
    ///
    /// The default is airssys/NAME.sock in XDG_RUNTIME_DIR, where NAME is the app's name. Without
    /// that variable it is airssys-UID/NAME.sock in the folder for temporary files.
    #[arg(long, value_name = "PATH", conflicts_with = "no_control")]
    pub(crate) control: Option<PathBuf>,

    /// Open no control socket, which rules out all commands for a running app.
    #[arg(long)]
    pub(crate) no_control: bool,
}

/// The runtime configuration: which backend serves which label.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Config {
    /// Configure backends and labels, by a file or by a line such as `keyvalue.sessions = "main"`.
    ///
    /// Can be given several times; the last one prevails. A line prevails over the file that AIRSSYS_RUNTIME
    /// names, and that over a file given here. Below them are runtime.toml beside app.toml, and
    /// airssys/runtime.toml in XDG_CONFIG_HOME.
    #[arg(long, value_name = "FILE|KEY=VALUE")]
    pub(crate) config: Vec<String>,
}

/// Print a snapshot of a running app.
///
/// Shows its supervision tree with the state and the stats of each component, its used limits, and its
/// costs to the host: memory, log, and time in calls of the host. Resident memory is the part for which
/// the machine has given pages, as Linux counts them in /proc/self/pagemap.
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Watch a running app.
///
/// Shows the same as `inspect`, live, with messages a second in place of totals. The bottom of the
/// screen lists the keys; q quits.
#[derive(Debug, clap::Args)]
// `inspect --json` is the way to JSON, as the error of `top --json` says.
#[command(mut_arg("json", |json| json.hide(true)))]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) target: Target,

    /// Time between two snapshots, in milliseconds.
    ///
    /// It is rounded up to one of 100, 250, 500, 1000, 2000, 5000 and 10000.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..=10_000))]
    pub(crate) interval: u64,
}

/// Build components from their sources.
///
/// A folder with a Cargo.toml is Rust, compiled for wasm32-wasip2 with optimisations. A folder with
/// a package.json is JavaScript, one with a pyproject.toml is Python. Missing tools are installed:
/// the Rust target with rustup, the others from npm and pip into a folder of their own. Prints the
/// path and size of each .wasm file.
#[derive(Debug, clap::Args)]
pub(crate) struct Build {
    /// An app's manifest or folder (for all its components), or the folder of one component.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
}

/// Check manifests, and that components fit this host.
///
/// Reports all mistakes in the manifests at once. Then checks that the host has what each component
/// imports, and that the component exports what the host calls. Folders are built first.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// An app's manifest or folder, the folder of one component, or a .wasm file.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,

    #[command(flatten)]
    pub(crate) config: Config,

    /// Connect every backend of an app, and print the product that answers and its version.
    #[arg(long)]
    pub(crate) connect: bool,
}

/// Create a component or an app that builds and runs as it is.
///
/// Within a cargo workspace, a component in Rust becomes a member of it.
#[derive(Debug, clap::Args)]
pub(crate) struct New {
    /// The folder to create; its name becomes the name of the component or the app.
    pub(crate) path: PathBuf,

    /// Create an app with two components, which share what is compiled for them.
    #[arg(long)]
    pub(crate) app: bool,

    /// The programming language of the components.
    #[arg(long, value_enum, value_name = "LANGUAGE", default_value_t)]
    pub(crate) lang: Lang,

    /// The folder of the airssys-sdk crate, for components in Rust, while it is not released.
    ///
    /// By default it is in the source tree of this program. A component in the same repository gets a
    /// relative path. Otherwise .cargo/config.toml names the folder, and git ignores that file.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) sdk: Option<PathBuf>,
}

/// The name of a programming language on the command line.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(crate) enum Lang {
    /// Rust.
    #[default]
    Rust,
    /// JavaScript.
    Js,
    /// Python.
    Python,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Language {
        match lang {
            Lang::Rust => Language::Rust,
            Lang::Js => Language::JavaScript,
            Lang::Python => Language::Python,
        }
    }
}

/// Selects a running app. Without a selection, the only running app is the target.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// The running app with this name.
    #[arg(long, value_name = "NAME", global = true, display_order = 100, conflicts_with = "control")]
    pub(crate) app: Option<String>,

    /// The running app with this control socket.
    #[arg(long, value_name = "PATH", global = true, display_order = 101)]
    pub(crate) control: Option<PathBuf>,

    /// Print JSON on the standard output.
    #[arg(long, global = true, display_order = 102)]
    pub(crate) json: bool,
}

/// List, give and revoke the rights of components in a running app.
///
/// A component sees a change at its next call. Changes end with the run; permanent grants belong
/// in app.toml.
#[derive(Debug, clap::Args)]
pub(crate) struct Grants {
    #[command(flatten)]
    pub(crate) target: Target,

    #[command(subcommand)]
    pub(crate) command: GrantsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GrantsCommand {
    /// List the rights that components ask for, those that they have, and the origin of each.
    List {
        /// List only the rights of this component.
        component: Option<String>,
    },
    /// Give a component a right that its Component.toml asks for.
    Give(Grant),
    /// Revoke every grant of a component that a pattern covers.
    ///
    /// Subscriptions that are no longer allowed end. Messages accepted before are still handled.
    Revoke(Grant),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Grant {
    /// The component.
    pub(crate) component: String,
    /// The right to give or revoke.
    pub(crate) right: Right,
    /// A pattern of component names for send and request, of topics for publish and subscribe, of
    /// services for use, of servers for http.outgoing.
    pub(crate) pattern: String,
}

/// A right that can be given and revoked.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Right {
    Send,
    Request,
    Publish,
    Subscribe,
    Use,
    #[value(name = "http.outgoing")]
    HttpOutgoing,
}

impl From<Right> for Capability {
    fn from(right: Right) -> Capability {
        match right {
            Right::Send => Capability::Send,
            Right::Request => Capability::Request,
            Right::Publish => Capability::Publish,
            Right::Subscribe => Capability::Subscribe,
            Right::Use => Capability::Use,
            Right::HttpOutgoing => Capability::HttpOutgoing,
        }
    }
}

/// Explain why something is denied, and what would allow it.
///
/// Without arguments, lists the recent denials in a running app. With arguments, says whether the
/// manifests allow a component to do something, and by which lines. No app needs to run for that.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "airssys explain [OPTIONS]\n       airssys explain [OPTIONS] <APP> <COMPONENT> <RIGHT> <OBJECT>"
)]
pub(crate) struct Explain {
    /// An app's manifest or folder.
    #[arg(value_name = "APP", requires = "object", conflicts_with_all = ["of", "app", "control"])]
    pub(crate) manifest: Option<PathBuf>,

    /// The component to check.
    pub(crate) component: Option<String>,

    /// The right to check.
    pub(crate) right: Option<Right>,

    /// A component for send and request, a topic for publish, a pattern of topics for subscribe,
    /// SERVICE/RESOURCE:VERB for use.
    pub(crate) object: Option<String>,

    /// List only the denials of this component of a running app.
    #[arg(long, value_name = "COMPONENT")]
    pub(crate) of: Option<String>,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// List, show, retry and drop the messages that a running app could not handle.
#[derive(Debug, clap::Args)]
pub(crate) struct DeadLetters {
    #[command(flatten)]
    pub(crate) target: Target,

    #[command(subcommand)]
    pub(crate) command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List the kept dead letters, oldest first.
    List {
        /// List only the letters for this component.
        #[arg(long = "for", value_name = "COMPONENT")]
        receiver: Option<String>,

        /// List only the letters with greater ids than this.
        #[arg(long, value_name = "ID", default_value_t = 0)]
        after: u64,

        /// List at most this many letters, up to 1000.
        #[arg(long, value_name = "COUNT", default_value_t = 50)]
        limit: usize,
    },
    /// Show a dead letter with its body.
    Show {
        /// The id of the letter.
        id: u64,
    },
    /// Send dead letters to their receivers again, as new messages from their senders.
    ///
    /// A letter that its receiver does not accept stays a dead letter. An accepted one is handled, or
    /// becomes a new dead letter.
    #[command(
        override_usage = "airssys dead-letters retry [OPTIONS] <ID>...\n       airssys dead-letters retry [OPTIONS] --all"
    )]
    Retry(LetterSelection),
    /// Drop dead letters for good.
    #[command(
        override_usage = "airssys dead-letters drop [OPTIONS] <ID>...\n       airssys dead-letters drop [OPTIONS] --all"
    )]
    Drop(LetterSelection),
}

/// List and clear the messages that a running app retains for later subscribers.
#[derive(Debug, clap::Args)]
pub(crate) struct Retained {
    #[command(flatten)]
    pub(crate) target: Target,

    #[command(subcommand)]
    pub(crate) command: RetainedCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RetainedCommand {
    /// List the topics with a retained message, and their publishers.
    List {
        /// List only the topics that match this pattern.
        pattern: Option<String>,

        /// List only the topics that come after this one.
        #[arg(long, value_name = "TOPIC")]
        after: Option<String>,

        /// List at most this many topics, up to 1000.
        #[arg(long, value_name = "COUNT", default_value_t = 50)]
        limit: usize,
    },
    /// Show the retained message of a topic with its body.
    Show {
        /// The topic.
        topic: String,
    },
    /// Clear the retained message of a topic. Subscribers that received it keep it.
    Clear {
        /// The topic.
        topic: String,
    },
}

/// Start a component of a running app again that failed too often and is quarantined.
///
/// It goes on with the messages in its mailbox. Its earlier restarts no longer count.
#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    /// A component, one of its instances such as `pool/2`, or a group.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// Read the secrets of a running app again, after they have changed.
///
/// They are the variables and files that `{ env = … }` and `{ file = … }` name: settings of components, and
/// options of backends. A component reads its new settings at its next call, and gets them at its next
/// start. A backend connects with its new secrets, while calls in flight end on its old connection. A secret
/// that is missing or refused keeps its old value, and the status is 1 then.
#[derive(Debug, clap::Args)]
pub(crate) struct Reload {
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LetterSelection {
    /// The ids of the letters.
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "ID")]
    pub(crate) ids: Vec<u64>,

    /// Take all letters that are kept now.
    #[arg(long)]
    pub(crate) all: bool,

    /// With --all, take only the letters for this component.
    #[arg(long = "for", value_name = "COMPONENT", requires = "all")]
    pub(crate) receiver: Option<String>,
}
