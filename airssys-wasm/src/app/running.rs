//! An app that runs.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use airssys_message::Codec;
use airssys_message::report::{REPORT_REQUEST, Report};
use airssys_rt::{ActorRef, ExitReason, ShutdownReport, SupervisorFailure, SupervisorRef};
use airssys_spec::manifest::App;

use crate::app::tree::StopApp;
use crate::host::ComponentHost;
use crate::host::error::CallError;
use crate::observe::dead_letters::DeadLetters;
use crate::observe::snapshot::ComponentSnapshot;
use crate::routing::envelope::Envelope;

/// The time limit of a report.
const REPORT_TIMEOUT: Duration = Duration::from_secs(30);

/// The interval at which a run looks whether it waits for quarantined components only.
const QUARANTINE_LOOK: Duration = Duration::from_millis(100);

/// The end of a run.
#[derive(Debug)]
pub enum Ended {
    /// The component that the run waits for has stopped, or all components have, and every mailbox has
    /// drained.
    Done,
    /// The run failed.
    Failed(RunError),
}

/// Reasons for which a run fails.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The component that the run waits for did not stop by itself.
    #[error("`{component}`, which the run waits for, ended before its work was done: {reason}")]
    UntilFailed {
        /// Its name.
        component: String,
        /// The reason of its end.
        reason: ExitReason,
    },
    /// A component or group failed more often than the root supervisor allows.
    #[error(transparent)]
    GivenUp(SupervisorFailure),
    /// A component that stops the app gave up, or the last component that ran has failed.
    #[error("`{component}` failed and is not restarted: {reason}")]
    ComponentFailed {
        /// Its name.
        component: String,
        /// The reason of its last end.
        reason: ExitReason,
    },
    /// Components or groups are quarantined, and nothing else is left to do.
    #[error(
        "quarantined, because they failed too often: {}; `airssys resume NAME` starts one again while the \
         app runs", names.join(", ")
    )]
    Quarantined {
        /// The names that are resumed: those of groups, and of components outside of these groups.
        names: Vec<String>,
    },
    /// A group that stops the app gave up.
    #[error("the group `{group}` gave up, and its `on_give_up` is \"stop-app\"")]
    GroupGaveUp {
        /// Its name.
        group: String,
        /// The failure that was one too many.
        #[source]
        failure: Arc<SupervisorFailure>,
    },
}

/// An app that runs.
pub struct RunningApp {
    name: String,
    host: ComponentHost,
    until: Option<String>,
    report: Option<String>,
    stop_app: StopApp,
}

impl RunningApp {
    pub(super) fn new(app: &App, host: ComponentHost, stop_app: StopApp) -> RunningApp {
        let (name, until, report) = (app.name.clone(), app.until.clone(), app.report.clone());
        RunningApp { name, host, until, report, stop_app }
    }

    /// The app's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host of its components, for messages from outside.
    pub fn host(&self) -> &ComponentHost {
        &self.host
    }

    /// Waits until the run has ended. Cancel safe.
    ///
    /// A run with `until` ends when that component has stopped and every mailbox has drained. Any other
    /// ends when all its components, and all native actors beside them, have ended for good. Nothing
    /// can start them again then. A quarantined component has not ended, because an operator can resume
    /// it. But a run with `until` does not wait for the messages in its mailbox, and fails. A run also
    /// fails if a group or component gives up that ends the app then.
    pub async fn ended(&self) -> Ended {
        tokio::select! {
            failure = self.host.system().failed() => Ended::Failed(RunError::GivenUp(failure)),
            error = self.group_gave_up() => Ended::Failed(error),
            error = self.component_gave_up() => Ended::Failed(error),
            ended = self.done() => ended,
        }
    }

    async fn done(&self) -> Ended {
        match &self.until {
            Some(until) => self.until_done(until).await,
            None => self.all_done().await,
        }
    }

    /// Waits until every component and native actor has ended for good.
    async fn all_done(&self) -> Ended {
        let mut failed = None;
        loop {
            let actors = self.host.names().into_iter().map(|name| (self.host.actors(&name), name));
            let open: Vec<_> =
                actors.flat_map(|(all, name)| all.into_iter().map(move |one| (name.clone(), one))).collect();
            for (name, actor) in &open {
                let reason = actor.closed().await;
                if reason.is_failure() && failed.is_none() {
                    failed = Some(RunError::ComponentFailed { component: name.clone(), reason });
                }
            }
            // An embedder may have started others meanwhile.
            if self.host.names().iter().flat_map(|name| self.host.actors(name)).all(|one| one.is_closed()) {
                break;
            }
        }
        self.unless_failing().await;
        self.host.drained().await;
        failed.map_or(Ended::Done, Ended::Failed)
    }

    /// Waits until the component of `until` has stopped, and all others have nothing left to do.
    async fn until_done(&self, until: &str) -> Ended {
        for actor in self.host.actors(until) {
            let reason = actor.closed().await;
            self.unless_failing().await;
            if !matches!(reason, ExitReason::Normal) {
                let component = until.to_owned();
                return Ended::Failed(RunError::UntilFailed { component, reason });
            }
        }
        tokio::select! {
            () = self.host.drained() => {}
            () = self.only_quarantined() => {}
        }
        self.unless_failing().await;
        match self.host.quarantined() {
            names if names.is_empty() => Ended::Done,
            names => Ended::Failed(RunError::Quarantined { names }),
        }
    }

    /// Waits until only quarantined components have something in flight.
    async fn only_quarantined(&self) {
        let mut look = tokio::time::interval(QUARANTINE_LOOK);
        loop {
            look.tick().await;
            let quarantined = self.host.quarantined_components();
            if !quarantined.is_empty() && self.host.in_flight_beside(&quarantined) == 0 {
                return;
            }
        }
    }

    /// Resolves when a component that stops the app has failed for good.
    async fn component_gave_up(&self) -> RunError {
        let names = self.stop_app.components.iter();
        let actors =
            names.flat_map(|name| self.host.actors(name).into_iter().map(move |actor| (name, actor)));
        let mut ends: Vec<_> = actors.map(|(name, actor)| Box::pin(failed_for_good(name, actor))).collect();
        poll_fn(|context| {
            let mut polled = ends.iter_mut().map(|end| end.as_mut().poll(context));
            polled.find(Poll::is_ready).unwrap_or(Poll::Pending)
        })
        .await
    }

    /// Resolves when a group that stops the app has given up.
    async fn group_gave_up(&self) -> RunError {
        let mut ends: Vec<_> = self.stop_app.groups.iter().map(|group| Box::pin(gave_up(group))).collect();
        poll_fn(|context| {
            let mut polled = ends.iter_mut().map(|end| end.as_mut().poll(context));
            polled.find(Poll::is_ready).unwrap_or(Poll::Pending)
        })
        .await
    }

    /// Never resolves if the root or a group that stops the app has given up. Other ends are only a
    /// consequence then, and the failure itself is known once all children have stopped.
    async fn unless_failing(&self) {
        if self.host.system().is_failing() || self.stop_app.groups.iter().any(SupervisorRef::has_given_up) {
            pending::<()>().await;
        }
    }

    /// Requests the report of the component that reports (`report`). Returns `None` if the app has no
    /// such component.
    ///
    /// # Errors
    /// [`CallError`] if it does not answer with a report.
    pub async fn report(&self) -> Result<Option<Report>, CallError> {
        let Some(target) = &self.report else { return Ok(None) };
        let no_reply = |reason: String| CallError::NoReply { target: target.clone(), reason };
        if self.host.quarantined_components().contains(target) {
            return Err(no_reply("it failed too often, and is quarantined".to_owned()));
        }
        let mut request = Vec::new();
        Codec::Cbor.write_prefix(&mut request);
        ciborium::into_writer(REPORT_REQUEST, &mut request).map_err(|error| no_reply(error.to_string()))?;
        let reply = self.host.request(target, request, REPORT_TIMEOUT).await?;
        match Codec::split(&reply) {
            Ok((Codec::Cbor, body)) => {
                let report = ciborium::from_reader(body);
                report.map(Some).map_err(|error| no_reply(format!("its reply is not a report: {error}")))
            }
            Ok((codec, _)) => Err(no_reply(format!("its report is {codec}, not cbor"))),
            Err(error) => Err(no_reply(format!("its reply is not a report: {error}"))),
        }
    }

    /// Returns a snapshot of each component, sorted by name.
    pub fn component_snapshots(&self) -> Vec<ComponentSnapshot> {
        self.host.component_snapshots()
    }

    /// The number of messages, callbacks and restarts in flight.
    pub fn in_flight(&self) -> usize {
        self.host.in_flight()
    }

    /// The time since the first component began to start.
    pub fn uptime(&self) -> Duration {
        self.host.uptime()
    }

    /// Messages that could not be handled.
    pub fn dead_letters(&self) -> &DeadLetters {
        self.host.dead_letters()
    }

    /// Stops all components, the last started first, within `deadline`.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        self.host.shutdown(deadline).await
    }
}

/// Resolves when a group has given up, and never if it ends in another way.
async fn gave_up(group: &SupervisorRef) -> RunError {
    match group.closed().await {
        ExitReason::Escalated(failure) => RunError::GroupGaveUp { group: group.name().to_owned(), failure },
        _ => pending().await,
    }
}

/// Resolves when an instance has failed and is not restarted, and never if it ends in another way.
async fn failed_for_good(component: &str, actor: ActorRef<Envelope>) -> RunError {
    match actor.closed().await {
        reason if reason.is_failure() => {
            RunError::ComponentFailed { component: component.to_owned(), reason }
        }
        _ => pending().await,
    }
}
