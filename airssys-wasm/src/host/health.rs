//! The health of a component's instances.

use crate::actor::health::Health;
use crate::actor::template::ask_health;
use crate::host::ComponentHost;

impl ComponentHost {
    /// Asks each instance of a component for its health. Returns the name of each instance with its
    /// answer, which is `None` if the instance ended before it answered. A native actor is healthy
    /// until it ends. Returns an empty list if the name is unknown. Cancel safe.
    pub async fn health(&self, component: &str) -> Vec<(String, Option<Health>)> {
        let Some(registered) = self.components().get(component).cloned() else { return Vec::new() };
        let mut healths = Vec::new();
        for (number, actor) in registered.endpoint.members.iter().enumerate() {
            let health = match registered.templates.get(number) {
                Some(template) => ask_health(template, actor).await,
                None => (!actor.is_closed()).then_some(Health::Healthy),
            };
            healths.push((actor.name().to_owned(), health));
        }
        healths
    }
}
