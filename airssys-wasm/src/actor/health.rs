//! The health that a component reports.

use crate::contract::{BoundedText, HealthStatus};

/// The health that a component reports.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Health {
    /// The component works.
    Healthy,
    /// The component works with this restriction.
    Degraded(BoundedText),
    /// The component does not work, for this reason.
    Unhealthy(BoundedText),
}

impl From<HealthStatus> for Health {
    fn from(status: HealthStatus) -> Health {
        match status {
            HealthStatus::Healthy => Health::Healthy,
            HealthStatus::Degraded(how) => Health::Degraded(how.into()),
            HealthStatus::Unhealthy(why) => Health::Unhealthy(why.into()),
        }
    }
}
