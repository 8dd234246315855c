//! Request ids: UUIDs that are computed on demand from a request's number.

use uuid::Uuid;

/// The low bits of an id, which hold the request's number.
const COUNTED: u64 = (1 << 40) - 1;

/// The random part of an incarnation's request ids: 82 bits, so that ids are unique across
/// incarnations, hosts and machines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestIds {
    high: u64,
    low: u64,
}

impl RequestIds {
    pub(crate) fn random() -> RequestIds {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        RequestIds { high, low }
    }

    /// Returns the id of a request by its number, as a UUID of version 8.
    ///
    /// Requests are counted and looked up by number, so an unused id costs nothing.
    pub(crate) fn of(self, number: u64) -> Uuid {
        let low = (self.low & !COUNTED) | (number & COUNTED);
        let (high, low) = (self.high.to_be_bytes(), low.to_be_bytes());
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&high);
        bytes[8..].copy_from_slice(&low);
        Uuid::new_v8(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_request_has_an_id_of_its_own() {
        let (one, other) = (RequestIds::random(), RequestIds::random());
        let ids: HashSet<Uuid> = (0..1_000).flat_map(|number| [one.of(number), other.of(number)]).collect();
        assert_eq!(ids.len(), 2_000);
        assert_eq!(one.of(7), one.of(7));
        assert!(ids.iter().all(|id| id.get_version_num() == 8 && id.get_variant() == uuid::Variant::RFC4122));
    }
}
