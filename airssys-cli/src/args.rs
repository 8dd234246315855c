//! What can be said on the command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

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
  0    all went well
  1    the app failed: a component did not start, was given up, or its source of work failed;
       or no app runs, or a running app did not do what it was asked
  2    the command line is wrong
  3    a manifest is wrong, or a component does not fit
  4    a component does not build
  130  interrupted (Ctrl-C); the app was shut down in order

Environment:
  RUST_LOG            what to log, such as `airssys=debug`; goes before -v
  AIRSSYS_CACHE_DIR   where compiled components are kept
  AIRSSYS_TOOLS_DIR   where the tools for JavaScript and Python are installed
  XDG_RUNTIME_DIR     where the control sockets of running apps are
  NO_COLOR            never colour the output
  OTEL_*              where traces go, such as OTEL_EXPORTER_OTLP_ENDPOINT"
)]
pub(crate) struct Args {
    /// Say more: -v the runtime's log and dead letters, -vv its details.
    #[arg(short, long, global = true, action = ArgAction::Count)]
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
}

/// Run an app.
///
/// Builds the components that are folders, starts the app and shows what it does. If the app's
/// manifest says `until = "COMPONENT"`, the run ends when that component has stopped and every
/// mailbox has drained, and its report is printed; else it runs until Ctrl-C.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// The app's manifest, app.toml, or the folder that it is in.
    pub(crate) app: PathBuf,

    /// Read this file instead of the input that the manifest grants; `-` is the standard input.
    ///
    /// If several components of the app read an input: NAME=FILE for the component NAME.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<String>,

    /// Print what came out as JSON on the standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Time that all components together have to stop, in seconds.
    ///
    /// Who has not stopped then is ended. A second Ctrl-C does not wait at all.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) stop_timeout: u64,

    /// Hand out figures for Prometheus at http://ADDRESS/metrics, such as 127.0.0.1:9464.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,

    /// Let other machines read the metrics: without it, the address has to be a loopback one.
    #[arg(long, requires = "metrics")]
    pub(crate) metrics_anywhere: bool,

    /// Open the control socket here.
    ///
    /// Otherwise it is NAME.sock, for the app's name, in the folder airssys of XDG_RUNTIME_DIR, or
    /// in airssys-UID in the folder for temporary files.
    #[arg(long, value_name = "PATH", conflicts_with = "no_control")]
    pub(crate) control: Option<PathBuf>,

    /// Open no control socket: nobody can look into the run or change it.
    #[arg(long)]
    pub(crate) no_control: bool,
}

/// Print how a running app is.
///
/// Its supervision tree with the state and the figures of each component, once.
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Watch a running app.
///
/// What `inspect` prints, live, with messages a second since the last look. The keys are at the
/// bottom of the screen; q ends it.
#[derive(Debug, clap::Args)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) target: Target,

    /// Time between two looks, in milliseconds: 100 to 10000, in steps.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..=10_000))]
    pub(crate) interval: u64,
}

/// Build components from their sources.
///
/// A folder with a Cargo.toml is compiled for wasm32-wasip2, optimised; one with a package.json is
/// JavaScript, one with a pyproject.toml Python. Adds what is missing: the target through rustup,
/// the tools of the others from npm and pip, into a folder of their own. Prints the .wasm files.
#[derive(Debug, clap::Args)]
pub(crate) struct Build {
    /// An app's manifest or folder (all its components), or the folder of one component.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
}

/// Check manifests, and that components fit this host.
///
/// Reports every error of the manifests at once, then looks at each component:
/// whether the host has what it imports, and whether it exports what the host calls. Components
/// that are folders are built for that.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// An app's manifest or folder, the folder of one component, or a .wasm file.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
}

/// Make a new component that builds and runs as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct New {
    /// Where to make it; the folder's name is the component's.
    pub(crate) path: PathBuf,

    /// The language to write it in.
    #[arg(long, value_enum, value_name = "LANGUAGE", default_value_t)]
    pub(crate) lang: Lang,

    /// The folder of the airssys-sdk crate to depend on, for a component in Rust.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) sdk: Option<PathBuf>,
}

/// A language as the command line names it.
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

/// Which running app is meant: the only one, unless it is said.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// The running app that has this name.
    #[arg(long, value_name = "NAME", global = true, conflicts_with = "control")]
    pub(crate) app: Option<String>,

    /// The running app that has this control socket.
    #[arg(long, value_name = "PATH", global = true)]
    pub(crate) control: Option<PathBuf>,

    /// Print JSON on the standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// See what components of a running app may do; give and revoke.
///
/// A component sees a change in its next call. Changes end with the run: what is to stay goes into
/// app.toml.
#[derive(Debug, clap::Args)]
pub(crate) struct Grants {
    #[command(flatten)]
    pub(crate) target: Target,

    #[command(subcommand)]
    pub(crate) what: GrantsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GrantsCommand {
    /// What components ask for, what they may do at present, and where that comes from.
    List {
        /// Of this component only.
        component: Option<String>,
    },
    /// Give a component something that its Component.toml asks for.
    Give(Grant),
    /// Revoke what a component was granted: every pattern that this one covers.
    ///
    /// Subscriptions that are no longer allowed end. Messages that were accepted are handled.
    Revoke(Grant),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Grant {
    /// The component.
    pub(crate) component: String,
    /// What it may do, or not any more.
    pub(crate) right: Right,
    /// A pattern of components for send and request, of topics for publish and subscribe.
    pub(crate) pattern: String,
}

/// A right that can be given and revoked.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Right {
    Send,
    Request,
    Publish,
    Subscribe,
}

impl From<Right> for Capability {
    fn from(right: Right) -> Capability {
        match right {
            Right::Send => Capability::Send,
            Right::Request => Capability::Request,
            Right::Publish => Capability::Publish,
            Right::Subscribe => Capability::Subscribe,
        }
    }
}

/// Say why something is denied, and what would allow it.
///
/// Without arguments: what components of a running app were denied lately. With arguments: whether
/// a component of an app.toml may do something, and by which lines; for that nothing need run.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// An app's manifest or folder.
    #[arg(requires = "object", conflicts_with_all = ["of", "app", "control"])]
    pub(crate) manifest: Option<PathBuf>,

    /// The component that wants to do something.
    pub(crate) component: Option<String>,

    /// What it wants to do.
    pub(crate) right: Option<Right>,

    /// A component for send and request, a topic for publish, a pattern of topics for subscribe.
    pub(crate) object: Option<String>,

    /// What this component of a running app was denied, only.
    #[arg(long, value_name = "COMPONENT")]
    pub(crate) of: Option<String>,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// See the messages of a running app that could not be handled; retry and drop them.
#[derive(Debug, clap::Args)]
pub(crate) struct DeadLetters {
    #[command(flatten)]
    pub(crate) target: Target,

    #[command(subcommand)]
    pub(crate) what: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List the dead letters that are kept, oldest first.
    List {
        /// For this component only.
        #[arg(long = "for", value_name = "COMPONENT")]
        receiver: Option<String>,

        /// Only those with greater ids.
        #[arg(long, value_name = "ID", default_value_t = 0)]
        after: u64,

        /// At most so many; no more than 1000.
        #[arg(long, value_name = "COUNT", default_value_t = 50)]
        limit: usize,
    },
    /// Show a dead letter with its body.
    Show {
        /// Its id.
        id: u64,
    },
    /// Hand dead letters to their receivers again, as new messages of their senders.
    ///
    /// A letter that is not taken stays. One that was taken is handled, or becomes a new dead letter.
    Retry(Which),
    /// Drop dead letters for good.
    Drop(Which),
}

/// See which messages are retained for those who subscribe later; clear them.
#[derive(Debug, clap::Args)]
pub(crate) struct Retained {
    #[command(flatten)]
    pub(crate) target: Target,

    #[command(subcommand)]
    pub(crate) what: RetainedCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RetainedCommand {
    /// List the topics of which the last message is retained, with who published it.
    List {
        /// Only topics that match this pattern.
        pattern: Option<String>,

        /// Only those that come after this one.
        #[arg(long, value_name = "TOPIC")]
        after: Option<String>,

        /// At most so many; no more than 1000.
        #[arg(long, value_name = "COUNT", default_value_t = 50)]
        limit: usize,
    },
    /// Forget what is retained of a topic. Who has it keeps it.
    Clear {
        /// The topic.
        topic: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// Their ids.
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "ID")]
    pub(crate) ids: Vec<u64>,

    /// All that are kept at present.
    #[arg(long)]
    pub(crate) all: bool,

    /// With --all: those for this component only.
    #[arg(long = "for", value_name = "COMPONENT", requires = "all")]
    pub(crate) receiver: Option<String>,
}

/// The manifest of the app in this folder, if it is one; the path itself, if it is not.
pub(crate) fn app_manifest(path: &Path) -> PathBuf {
    let manifest = path.join("app.toml");
    if manifest.is_file() { manifest } else { path.to_owned() }
}

/// As [`app_manifest`], for a path that can name a component: the folder of one is taken as that.
pub(crate) fn app_or_component(path: &Path) -> PathBuf {
    match path.join("Component.toml").exists() {
        true => path.to_owned(),
        false => app_manifest(path),
    }
}
