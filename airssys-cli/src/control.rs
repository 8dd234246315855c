//! The control socket: opened by a run, used by the commands for a running app.

use airssys_wasm::ComponentHost;
use airssys_wasm::control::{Ask, Client, Place, Server, folder, running};

use crate::args::{Run, Target};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// The target names no running app, or several apps match.
#[derive(Debug, thiserror::Error)]
enum TargetError {
    #[error("no app is running; start one with `airssys run APP`")]
    NotRunning,
    #[error("no running app has the name `{name}`; {}", list(running))]
    UnknownName { name: String, running: Vec<String> },
    #[error("several apps are running: {}; choose one, such as `--app {}`", running.join(", "), running[0])]
    Ambiguous { running: Vec<String> },
}

fn list(running: &[String]) -> String {
    match running {
        [] => "no app is running".to_owned(),
        running => format!("running apps: {}", running.join(", ")),
    }
}

/// Opens the control socket of a run.
///
/// If the default socket cannot be opened, the run continues without one. A socket of `--control`
/// must open.
pub(crate) fn open(args: &Run, host: &ComponentHost, terminal: &Terminal) -> Result<Option<Server>, Failure> {
    let app = host.system().name();
    if args.no_control {
        tracing::info!("the control socket is off because of --no-control");
        return Ok(None);
    }
    let place = match &args.control {
        Some(path) => Place::At(path.clone()),
        None => Place::App(app.to_owned()),
    };
    match Server::open(host.clone(), &place) {
        Ok(server) => {
            let name = server.path().file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            if args.control.is_none() && name != app {
                terminal
                    .line(&format!("another run of `{app}` is active; reach this one with `--app {name}`"));
            }
            Ok(Some(server))
        }
        Err(error) if args.control.is_some() => {
            Err(Failure::run("the control socket cannot be opened", error))
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            tracing::warn!("the run has no control socket: {error}{}", cause.unwrap_or_default());
            Ok(None)
        }
    }
}

/// Connects to the target.
pub(crate) fn connect(target: &Target) -> Result<Client, Failure> {
    let path = match (&target.control, &target.app) {
        (Some(path), _) => path.clone(),
        (None, Some(name)) => {
            let running = names_and_paths()?;
            match running.iter().find(|(running, _)| running == name) {
                Some((_, path)) => path.clone(),
                None => {
                    let running = running.into_iter().map(|(name, _)| name).collect();
                    let error = TargetError::UnknownName { name: name.clone(), running };
                    return Err(Failure::run("the app cannot be reached", error));
                }
            }
        }
        (None, None) => match &mut names_and_paths()?[..] {
            [] => return Err(Failure::run("the app cannot be reached", TargetError::NotRunning)),
            [(_, path)] => std::mem::take(path),
            several => {
                let running = several.iter().map(|(name, _)| name.clone()).collect();
                return Err(Failure::usage(TargetError::Ambiguous { running }));
            }
        },
    };
    Client::connect(path).map_err(|error| Failure::run("the app cannot be reached", error))
}

/// Sends a request to the target. `refused` says what is not done or shown if it fails.
pub(crate) fn ask<R: Ask>(
    target: &Target,
    refused: impl Into<String>,
    request: R,
) -> Result<R::Answer, Failure> {
    connect(target)?.ask(request).map_err(|error| Failure::run(refused, error))
}

fn names_and_paths() -> Result<Vec<(String, std::path::PathBuf)>, Failure> {
    let running = running().map_err(|error| {
        Failure::run(format!("the control sockets in {} are not trusted", folder().display()), error)
    })?;
    Ok(running.into_iter().map(|app| (app.name, app.path)).collect())
}
