//! The rights, rate limits and byte budgets in force.

pub(crate) mod byte_budget;
pub(crate) mod clock;
pub(crate) mod grants;
pub(crate) mod name_bytes;
pub(crate) mod quota;
pub mod rate;
