//! What can be said on the command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Parser, Subcommand};

/// Runs WebAssembly components as supervised actors.
#[derive(Debug, Parser)]
#[command(
    name = "airssys",
    version,
    max_term_width = 100,
    after_help = "Exit status:
  0    all went well
  1    the app failed: a component did not start, was given up, or its source of work failed
  2    the command line is wrong
  3    a manifest is wrong, or a component does not fit
  4    a component does not build
  130  interrupted (Ctrl-C); the app was shut down in order

Environment:
  RUST_LOG            what to log, such as `airssys=debug`; goes before -v
  AIRSSYS_CACHE_DIR   where compiled components are kept
  NO_COLOR            never colour the output
  OTEL_*              where traces go, such as OTEL_EXPORTER_OTLP_ENDPOINT"
)]
pub(crate) struct Args {
    /// Say more: -v the runtime's log and every dead letter, -vv its details.
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
}

/// Run an app.
///
/// Builds the components that are crates, starts the app and shows what it does. If the app's
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

/// Which running app is meant: the only one, unless it is said.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// The running app that has this name.
    #[arg(long, value_name = "NAME", conflicts_with = "control")]
    pub(crate) app: Option<String>,

    /// The running app that has this control socket.
    #[arg(long, value_name = "PATH")]
    pub(crate) control: Option<PathBuf>,
}

/// Print how a running app is.
///
/// Its supervision tree with the state and the figures of each component, once.
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) target: Target,

    /// Print it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
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

/// Build components that are crates.
///
/// Compiles for wasm32-wasip2, optimised; adds that target through rustup if it is missing. Prints
/// the .wasm files.
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
/// that are crates are built for that.
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

    /// The folder of the airssys-sdk crate to depend on.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) sdk: Option<PathBuf>,
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
