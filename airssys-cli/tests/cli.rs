//! The `airssys` program as its users see it: a process, real components, exit statuses.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "cli/audit.rs"]
mod audit;
#[path = "cli/broken.rs"]
mod broken;
#[path = "cli/collector.rs"]
mod collector;
#[path = "cli/components.rs"]
mod components;
#[path = "cli/control.rs"]
mod control;
#[path = "cli/failures.rs"]
mod failures;
#[path = "cli/groups.rs"]
mod groups;
#[path = "cli/input.rs"]
mod input;
#[path = "cli/inspect.rs"]
mod inspect;
#[path = "cli/interrupt.rs"]
mod interrupt;
#[path = "cli/languages.rs"]
mod languages;
#[path = "cli/manifests.rs"]
mod manifests;
#[path = "cli/metrics.rs"]
mod metrics;
#[path = "cli/output.rs"]
mod output;
#[path = "cli/patterns.rs"]
mod patterns;
#[path = "cli/quakes.rs"]
mod quakes;
#[path = "cli/services.rs"]
mod services;
#[path = "cli/support.rs"]
mod support;
#[path = "cli/traces.rs"]
mod traces;
