//! The health of a component, as it says.

use crate::contract::{HealthStatus, cut};

/// How a component says it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Health {
    /// It works.
    Healthy,
    /// It works, with this restriction.
    Degraded(String),
    /// It does not work, for this reason.
    Unhealthy(String),
}

impl From<HealthStatus> for Health {
    fn from(status: HealthStatus) -> Health {
        match status {
            HealthStatus::Healthy => Health::Healthy,
            HealthStatus::Degraded(how) => Health::Degraded(cut(how)),
            HealthStatus::Unhealthy(why) => Health::Unhealthy(cut(why)),
        }
    }
}
