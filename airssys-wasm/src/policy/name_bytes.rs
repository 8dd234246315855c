//! The bytes of the host that the routes and subscriptions of an instance take.
//!
//! Names have a limit on their length, and their number has a limit. Together these limits allow more
//! than the memory limit of a small component, so the bytes have a limit, too.

use airssys_rt::TopicPattern;
use airssys_spec::Limits;

/// The name of the limit on the bytes of routes.
pub(crate) const ROUTE_BYTES: &str = "route_bytes";

/// The name of the limit on the bytes of subscriptions.
pub(crate) const SUBSCRIPTION_BYTES: &str = "subscription_bytes";

/// The least that [`most_bytes`] allows, so that a small component has routes and subscriptions, too.
const LEAST_BYTES: usize = 256 << 10;

/// The bytes of a route besides its name: the entry of a table that has just doubled, and the origin of the
/// last publication.
const BYTES_PER_ROUTE: usize = 512;

/// The copies of a route's name: the key, the route's, and that of the last publication.
const NAMES_PER_ROUTE: usize = 3;

/// The bytes of a subscription besides its pattern: the entries of tables, of which some have just doubled.
const BYTES_PER_SUBSCRIPTION: usize = 640;

/// The copies of a pattern: the text, its segments, and that in the state folder.
const PATTERNS_PER_SUBSCRIPTION: usize = 3;

/// The bytes of a segment that no other subscription shares, in the table of its parent.
const BYTES_PER_SEGMENT: usize = 640;

/// Returns the most bytes that the routes of an instance may take, and its subscriptions as many again.
pub(crate) fn most_bytes(limits: &Limits) -> usize {
    (limits.memory_bytes / 4).max(LEAST_BYTES)
}

/// Returns the bytes of a route to a name of this length.
pub(crate) fn route_cost(name_bytes: usize) -> usize {
    BYTES_PER_ROUTE + NAMES_PER_ROUTE * name_bytes
}

/// Returns the bytes of a subscription.
pub(crate) fn subscription_cost(pattern: &TopicPattern) -> usize {
    BYTES_PER_SUBSCRIPTION
        + PATTERNS_PER_SUBSCRIPTION * pattern.as_str().len()
        + BYTES_PER_SEGMENT * segments(pattern)
}

/// Returns the number of segments. Counts bytes, because each new subscription counts those before it.
fn segments(pattern: &TopicPattern) -> usize {
    1 + pattern.as_str().bytes().filter(|byte| *byte == b'.').count()
}
