//! The control socket: opened by a run, used by the commands that look into it.

use airssys_wasm::app::RunningApp;
use airssys_wasm::control::{Answer, Client, Place, Request, Server, folder, running};

use crate::args::{Run, Target};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Which running app is meant cannot be told.
#[derive(Debug, thiserror::Error)]
enum TargetError {
    #[error("no app runs; start one with `airssys run APP`")]
    NoneRuns,
    #[error("no app runs as `{name}`; there {}", others(running))]
    NotThis { name: String, running: Vec<String> },
    #[error("several apps run: {}; say which, as in --app {}", running.join(", "), running[0])]
    Several { running: Vec<String> },
}

fn others(running: &[String]) -> String {
    match running {
        [] => "is none".to_owned(),
        [one] => format!("is {one}"),
        several => format!("are {}", several.join(", ")),
    }
}

/// Opens the control socket of a run. Where it is not said where, and it cannot be, the run goes on
/// without.
pub(crate) fn open(args: &Run, app: &RunningApp, terminal: &Terminal) -> Result<Option<Server>, Failure> {
    if args.no_control {
        tracing::info!("there is no control socket, as was asked");
        return Ok(None);
    }
    let place = match &args.control {
        Some(path) => Place::At(path.clone()),
        None => Place::App(app.name().to_owned()),
    };
    match Server::open(app.host().clone(), &place) {
        Ok(server) => {
            let name = server.path().file_stem().and_then(|name| name.to_str()).unwrap_or_default();
            if args.control.is_none() && name != app.name() {
                terminal
                    .line(&format!("another run of `{}` goes on: this one is `--app {name}`", app.name()));
            }
            Ok(Some(server))
        }
        Err(error) if args.control.is_some() => Err(Failure::run("there is no control socket", error)),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            tracing::warn!("the run has no control socket: {error}{}", cause.unwrap_or_default());
            Ok(None)
        }
    }
}

/// Connects to the app that is meant.
pub(crate) fn connect(target: &Target) -> Result<Client, Failure> {
    let path = match (&target.control, &target.app) {
        (Some(path), _) => path.clone(),
        (None, Some(name)) => {
            let running = names_and_paths()?;
            match running.iter().find(|(running, _)| running == name) {
                Some((_, path)) => path.clone(),
                None => {
                    let running = running.into_iter().map(|(name, _)| name).collect();
                    let error = TargetError::NotThis { name: name.clone(), running };
                    return Err(Failure::run("the app cannot be reached", error));
                }
            }
        }
        (None, None) => match &mut names_and_paths()?[..] {
            [] => return Err(Failure::run("there is no app to ask", TargetError::NoneRuns)),
            [(_, path)] => std::mem::take(path),
            several => {
                let running = several.iter().map(|(name, _)| name.clone()).collect();
                return Err(Failure::usage(TargetError::Several { running }));
            }
        },
    };
    Client::connect(path).map_err(|error| Failure::run("the app cannot be reached", error))
}

/// Asks the app that is meant.
pub(crate) fn ask(target: &Target, request: Request) -> Result<Answer, Failure> {
    connect(target)?.ask(request).map_err(|error| Failure::run("the app did not do it", error))
}

/// An answer to another question than was asked.
pub(crate) fn unexpected(answer: &Answer) -> Failure {
    Failure::run("the app did not do it", format!("it answered something else: {answer:?}"))
}

fn names_and_paths() -> Result<Vec<(String, std::path::PathBuf)>, Failure> {
    let running = running().map_err(|error| {
        Failure::run(format!("the control sockets in {} are not trusted", folder().display()), error)
    })?;
    Ok(running.into_iter().map(|app| (app.name, app.path)).collect())
}
