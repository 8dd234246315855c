//! Secrets that are read again while the app runs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::host::ComponentHost;
use crate::observe::audit::AuditEvent;

/// The secrets that a reload has changed, and those that keep their old value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reloaded {
    /// The settings and backends with new values: `setting KEY of COMPONENT` and `backend NAME`.
    pub changed: Vec<String>,
    /// The settings and backends that keep their old value.
    pub kept: Vec<Kept>,
}

/// A setting or a backend that keeps its old value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Kept {
    /// `setting KEY of COMPONENT` or `backend NAME`.
    pub name: String,
    /// The reason: a missing variable or file, or a refused login.
    pub reason: String,
}

impl ComponentHost {
    /// Reads again the variables and the files that the settings of components and the tables of backends
    /// name. The manifests themselves are not read again.
    ///
    /// A component gets its new settings at its next call of a service, or at its next start. A backend
    /// whose value has changed connects with it: calls that follow use the new connection, while those in
    /// flight end on the old one. A value that is missing, or with which the backend does not connect, is
    /// not used.
    pub async fn reload(&self) -> Reloaded {
        let host = self.clone();
        // In a task, because half a reload would leave an old and a new value in force.
        tokio::spawn(async move { host.reload_now().await }).await.unwrap_or_default()
    }

    async fn reload_now(&self) -> Reloaded {
        let _one_at_a_time = self.shared.reloading.lock().await;
        let settings: Vec<_> = {
            let components = self.components();
            let first = components.iter().filter_map(|(name, component)| {
                // All instances of a component share its settings.
                Some((name.clone(), Arc::clone(&component.instances.first()?.settings)))
            });
            first.collect()
        };
        let read = tokio::task::spawn_blocking(move || {
            let each = settings.into_iter().flat_map(|(component, settings)| {
                let name = move |key| format!("setting {key} of {component}");
                settings.reload().into_iter().map(move |(key, result)| (name(key), result))
            });
            each.collect::<Vec<_>>()
        });
        let mut found = read.await.unwrap_or_default();
        let backends = self.shared.connections.backends().reload().await;
        found.extend(backends.into_iter().map(|(name, result)| (format!("backend {name}"), result)));
        // Several products can serve one table.
        found.dedup();
        let mut reloaded = Reloaded::default();
        for (name, result) in found {
            match result {
                Ok(()) => {
                    tracing::info!("{name} has a new value");
                    self.shared.router.app.trail.record(AuditEvent::Reloaded { name: Arc::from(&*name) });
                    reloaded.changed.push(name);
                }
                Err(reason) => {
                    tracing::warn!("{name} keeps its old value: {reason}");
                    reloaded.kept.push(Kept { name, reason });
                }
            }
        }
        reloaded
    }
}
