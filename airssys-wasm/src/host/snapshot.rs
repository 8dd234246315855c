//! An app as it is at a moment.

use std::time::SystemTime;

use crate::host::ComponentHost;
use crate::observe::audit::Audit;
use crate::observe::snapshot::AppSnapshot;
use crate::observe::unix_time::{milliseconds, unix_ms};

impl ComponentHost {
    /// The app as it is now: its tree, its components and their figures.
    pub fn snapshot(&self) -> AppSnapshot {
        AppSnapshot {
            app: self.system().name().to_owned(),
            taken_at_ms: unix_ms(SystemTime::now()),
            uptime_ms: milliseconds(self.uptime()),
            in_flight: self.in_flight(),
            dead_letters: self.dead_letters().total(),
            audit: self.audit().map(Audit::stats),
            components: self.component_snapshots(),
            tree: self.system().snapshot().root,
        }
    }
}
