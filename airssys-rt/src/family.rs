//! The children of an actor: what its running incarnation has started.

use std::sync::{Arc, Mutex, Weak};

use airssys_core::{Down, RestartPolicy};

use crate::cell::Cell;
use crate::monitor::Hears;
use crate::sync::lock;
use crate::system::{PrepareError, StartError};
use crate::{SupervisorRef, SupervisorSpec};

/// The actor whose children a supervisor runs.
pub(crate) struct Owner {
    id: u64,
    cell: Weak<dyn Hears>,
    incarnation: u64,
}

impl Owner {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The children failed too often: so has the incarnation that started them.
    pub(crate) fn fail(&self, down: Down) {
        if let Some(cell) = self.cell.upgrade() {
            cell.fail_with(self.incarnation, down);
        }
    }
}

/// The supervisor of an actor's children; made for the first child of an incarnation.
#[derive(Default)]
pub(crate) struct Family {
    current: Mutex<Option<Children>>,
    /// Held while one is made.
    making: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Children {
    incarnation: u64,
    supervisor: SupervisorRef,
}

impl Family {
    /// The supervisor of this incarnation's children.
    pub(crate) async fn supervisor<M: Send + 'static>(
        &self,
        cell: &Arc<Cell<M>>,
        incarnation: u64,
    ) -> Result<SupervisorRef, StartError> {
        let _making = self.making.lock().await;
        match self.current() {
            Some(children) if children.incarnation == incarnation => return Ok(children.supervisor),
            // Those of an incarnation that was aborted may be stopping still; their names are taken.
            Some(children) => drop(children.supervisor.closed().await),
            None => {}
        }
        let stopped = || PrepareError::SystemStopped { name: String::new() };
        let home = cell.home().and_then(|home| home.node.upgrade()).ok_or_else(stopped)?;
        let hears: Arc<dyn Hears> = cell.clone();
        let owner = Owner { id: cell.id(), cell: Arc::downgrade(&hears), incarnation };
        let spec = SupervisorSpec::unnamed().dynamic().restart(RestartPolicy::Temporary);
        let supervisor = SupervisorRef::new(home).supervise_for(spec, Some(owner)).await?;
        *lock(&self.current) = Some(Children { incarnation, supervisor: supervisor.clone() });
        Ok(supervisor)
    }

    fn current(&self) -> Option<Children> {
        lock(&self.current).clone()
    }

    /// Has the children end, if there are any.
    pub(crate) fn stop(&self) {
        if let Some(children) = self.current() {
            children.supervisor.stop();
        }
    }

    /// Waits until they have ended.
    pub(crate) async fn ended(&self) {
        if let Some(children) = self.current() {
            children.supervisor.closed().await;
        }
    }
}
