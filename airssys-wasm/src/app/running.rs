//! An app that runs.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use airssys_message::Codec;
use airssys_message::report::{REPORT_REQUEST, Report};
use airssys_rt::{ExitReason, ShutdownReport, SupervisorFailure, SupervisorRef};
use airssys_spec::manifest::App;

use crate::host::ComponentHost;
use crate::host::error::CallError;
use crate::observe::dead_letters::DeadLetters;
use crate::observe::snapshot::ComponentSnapshot;

/// The time limit of a report.
const REPORT_TIMEOUT: Duration = Duration::from_secs(30);

/// The end of a run.
#[derive(Debug)]
pub enum Ended {
    /// The component that the run waits for has stopped, and every mailbox has drained.
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
    /// The groups that end the run when they give up.
    stop_app: Vec<SupervisorRef>,
}

impl RunningApp {
    pub(super) fn new(app: &App, host: ComponentHost, stop_app: Vec<SupervisorRef>) -> RunningApp {
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

    /// Waits until the run has ended: the component that it waits for (`until`) has stopped and
    /// every mailbox has drained, or a supervisor has given up. An app without `until` only ends by
    /// a failure. Cancel safe.
    pub async fn ended(&self) -> Ended {
        tokio::select! {
            failure = self.host.system().failed() => Ended::Failed(RunError::GivenUp(failure)),
            error = self.group_gave_up() => Ended::Failed(error),
            ended = self.done() => ended,
        }
    }

    async fn done(&self) -> Ended {
        let Some(until) = &self.until else { return pending().await };
        for actor in self.host.actors(until) {
            let reason = actor.closed().await;
            self.unless_failing().await;
            if !matches!(reason, ExitReason::Normal) {
                let component = until.clone();
                return Ended::Failed(RunError::UntilFailed { component, reason });
            }
        }
        self.host.drained().await;
        self.unless_failing().await;
        Ended::Done
    }

    /// Resolves when a group that stops the app has given up.
    async fn group_gave_up(&self) -> RunError {
        let mut ends: Vec<_> = self.stop_app.iter().map(|group| Box::pin(gave_up(group))).collect();
        poll_fn(|context| {
            let mut polled = ends.iter_mut().map(|end| end.as_mut().poll(context));
            polled.find(Poll::is_ready).unwrap_or(Poll::Pending)
        })
        .await
    }

    /// Never resolves if the root or a group that stops the app has given up. Other ends are only a
    /// consequence then, and the failure itself is known once all children have stopped.
    async fn unless_failing(&self) {
        if self.host.system().is_failing() || self.stop_app.iter().any(SupervisorRef::has_given_up) {
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
