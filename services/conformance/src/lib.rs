//! The harness of the tests of services and backends.
//!
//! The scenarios of a service go through a component, on any list of backends: [`TestHost`] runs the
//! component, and [`run`] the scenarios. The tests of a backend start real servers: a [`Server`] runs a
//! [`Program`] as a child process on a free port, and kills or freezes it. A [`Proxy`] cuts connections.
//!
//! A mistake is a panic that says what is missing or wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the harness is a part of tests")]

mod certificate;
mod host;
mod process;
mod program;
mod proxy;
mod scenarios;
mod server;
mod user;

pub use certificate::Certificate;
pub use host::{Role, STUCK, TestComponent, TestHost, limits};
pub use program::find_program;
pub use proxy::Proxy;
pub use rustix::process::Signal;
pub use scenarios::{Scenario, run, scenario};
pub use server::{Place, Program, Server};
pub use user::{hand_over, run_as};
