//! An app that runs.

use std::time::Duration;

use airssys_message::Codec;
use airssys_message::report::{REPORT_REQUEST, Report};
use airssys_rt::{ExitReason, ShutdownReport, SupervisorFailure};

use crate::host::ComponentHost;
use crate::host::error::CallError;
use crate::observe::dead_letters::DeadLetters;
use crate::observe::snapshot::ComponentSnapshot;

/// The time that a component may take over its report.
const REPORT_TIMEOUT: Duration = Duration::from_secs(30);

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// The component that the run waits for has stopped, and every mailbox has drained.
    Done,
    /// Something was given up.
    Failed(RunError),
}

/// Why a run failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The component that the run waits for ended otherwise than by its own will.
    #[error("`{component}`, which the run waits for, ended before its work was done: {reason}")]
    UntilFailed {
        /// Its name.
        component: String,
        /// How it ended.
        reason: ExitReason,
    },
    /// A component failed more often than its supervisor allows.
    #[error(transparent)]
    GivenUp(SupervisorFailure),
}

/// An app that runs.
pub struct RunningApp {
    name: String,
    host: ComponentHost,
    until: Option<String>,
    report: Option<String>,
}

impl RunningApp {
    pub(super) fn new(
        name: String,
        host: ComponentHost,
        until: Option<String>,
        report: Option<String>,
    ) -> RunningApp {
        RunningApp { name, host, until, report }
    }

    /// The app's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The components, for whoever wants to send to them.
    pub fn host(&self) -> &ComponentHost {
        &self.host
    }

    /// Waits until the run has ended: the component that it waits for (`until`) has stopped and
    /// every mailbox has drained, or something was given up. An app without `until` only ends by
    /// a failure. Cancel safe.
    pub async fn ended(&self) -> Ended {
        tokio::select! {
            failure = self.host.system().failed() => Ended::Failed(RunError::GivenUp(failure)),
            ended = self.done() => ended,
        }
    }

    async fn done(&self) -> Ended {
        let Some(until) = &self.until else { return std::future::pending().await };
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

    /// Never resolves if a component was given up: what is seen then only follows from that, and
    /// the failure itself comes when all others have been stopped.
    async fn unless_failing(&self) {
        if self.host.system().is_failing() {
            std::future::pending::<()>().await;
        }
    }

    /// Asks the component that reports (`report`) for its report; none if the app has no such.
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
                report.map(Some).map_err(|error| no_reply(format!("its reply is no report: {error}")))
            }
            Ok((codec, _)) => Err(no_reply(format!("its report is {codec}, not cbor"))),
            Err(error) => Err(no_reply(format!("its reply is no report: {error}"))),
        }
    }

    /// Returns a snapshot of each component, sorted by name.
    pub fn component_snapshots(&self) -> Vec<ComponentSnapshot> {
        self.host.component_snapshots()
    }

    /// How many messages, callbacks and restarts are under way.
    pub fn in_flight(&self) -> usize {
        self.host.in_flight()
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
