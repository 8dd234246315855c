//! Routes from names and topics to mailboxes, and the way back of replies.

pub(crate) mod account;
pub(crate) mod app;
pub(crate) mod callbacks;
pub(crate) mod draft;
pub(crate) mod endpoint;
pub(crate) mod envelope;
pub(crate) mod identity;
pub(crate) mod publish;
pub(crate) mod put_call;
pub(crate) mod queued_call;
pub(crate) mod refusal;
pub(crate) mod request_ids;
mod reservation;
pub(crate) mod retained;
pub(crate) mod router;
pub(crate) mod sender;
pub(crate) mod spans;
pub(crate) mod state_folder;
pub(crate) mod subscribe;
pub(crate) mod topic_route;
mod undelivered;
pub(crate) mod wait_graph;
