//! The health of a component's instances.

use crate::actor::health::Health;
use crate::actor::template::ask_health;
use crate::host::ComponentHost;

impl ComponentHost {
    /// Asks each instance of a component for its health. Returns the name of each instance with its
    /// answer, which is `None` if the instance ended before it answered. Returns an empty list if no
    /// component has this name. Cancel safe.
    pub async fn health(&self, component: &str) -> Vec<(String, Option<Health>)> {
        let registered = self.components().get(component).cloned();
        let mut healths = Vec::new();
        for (template, actor) in registered.iter().flat_map(|r| r.templates.iter().zip(&r.endpoint.members)) {
            healths.push((actor.name().to_owned(), ask_health(template, actor).await));
        }
        healths
    }
}
