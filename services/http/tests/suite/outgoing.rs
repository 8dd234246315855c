//! Requests of components to servers.

mod connections;
mod faults;
mod limits;
mod rights;
mod servers;
mod site;
mod streams;
mod tls;
