//! HTTP through the whole host: a real guest, which knows nothing of airssys, and clients on raw sockets.

mod faults;
mod incoming;
mod support;
