//! From a name or a topic to mailboxes, and back.

pub(crate) mod account;
pub(crate) mod app;
pub(crate) mod callbacks;
pub(crate) mod draft;
pub(crate) mod endpoint;
pub(crate) mod envelope;
pub(crate) mod identity;
pub(crate) mod refusal;
pub(crate) mod request_ids;
pub(crate) mod retained;
pub(crate) mod router;
pub(crate) mod sender;
pub(crate) mod spans;
pub(crate) mod state_folder;
pub(crate) mod topic_route;
pub(crate) mod topics;
pub(crate) mod wait_graph;
