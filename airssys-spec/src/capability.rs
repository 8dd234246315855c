//! Rights of components: the kinds, the sets of them, and the one function that decides.

mod allowed;
mod decide;
mod denied;
mod patterns;
mod rows;
mod set;
mod subject;

pub use allowed::{AllowedBy, allowed_by};
pub use decide::{Access, decide};
pub use denied::{Denied, give_command, grant_line};
pub use patterns::{InvalidPattern, PatternList};
pub use rows::Capability;
pub use set::Capabilities;
pub use subject::Subject;
