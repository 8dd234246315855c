//! The `airssys` program as its users see it: a process, real components, exit statuses.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod audit;
mod broken;
mod collector;
mod components;
mod control;
mod failures;
mod groups;
mod idle;
mod input;
mod inspect;
mod interrupt;
mod languages;
mod manifests;
mod metrics;
mod new;
mod output;
mod patterns;
mod quakes;
mod services;
mod sources;
mod stopped;
mod support;
mod tools;
mod traces;
mod unwritable;
