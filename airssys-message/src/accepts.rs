//! What a component takes: a set of codecs, one of which it prefers; and what two components say
//! to each other when a message does not fit.

use std::fmt;

use crate::Codec;

/// The codecs that a component takes, and the one that it likes best. Never empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Accepts {
    bits: u32,
    prefers: Codec,
}

/// A component cannot prefer what it does not accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{prefers} is preferred and not accepted: accepted is {accepts}")]
pub struct PrefersNotAccepted {
    /// What is preferred.
    pub prefers: Codec,
    /// What is accepted.
    pub accepts: Accepts,
}

impl Accepts {
    /// This codec alone.
    pub fn only(codec: Codec) -> Accepts {
        Accepts { bits: codec.bit(), prefers: codec }
    }

    /// These codecs, of which the first is preferred. None if there are none.
    pub fn of(codecs: impl IntoIterator<Item = Codec>) -> Option<Accepts> {
        let mut codecs = codecs.into_iter();
        let first = Accepts::only(codecs.next()?);
        Some(codecs.fold(first, |all, codec| Accepts { bits: all.bits | codec.bit(), ..all }))
    }

    /// The same codecs, with another preferred.
    ///
    /// # Errors
    /// [`PrefersNotAccepted`] if it is none of them.
    pub fn preferring(self, prefers: Codec) -> Result<Accepts, PrefersNotAccepted> {
        if self.contains(prefers) {
            Ok(Accepts { prefers, ..self })
        } else {
            Err(PrefersNotAccepted { prefers, accepts: self })
        }
    }

    /// Whether this codec is accepted.
    pub fn contains(self, codec: Codec) -> bool {
        self.bits & codec.bit() != 0
    }

    /// The codec that it likes best.
    pub fn prefers(self) -> Codec {
        self.prefers
    }

    /// Every codec that is accepted, the preferred first.
    pub fn codecs(self) -> impl Iterator<Item = Codec> {
        let others = Codec::all().filter(move |codec| *codec != self.prefers && self.contains(*codec));
        std::iter::once(self.prefers).chain(others)
    }

    /// The codec in which a component of these should write to one of `receiver`'s: one that both
    /// know; what the receiver prefers before what the sender prefers before the others.
    pub fn common(self, receiver: Accepts) -> Option<Codec> {
        [receiver.prefers, self.prefers]
            .into_iter()
            .chain(Codec::all())
            .find(|codec| self.contains(*codec) && receiver.contains(*codec))
    }
}

impl fmt::Debug for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.codecs()).finish()
    }
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, codec) in self.codecs().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{codec}")?;
        }
        Ok(())
    }
}

/// Why a message is refused: its receiver does not accept its codec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is {codec}; `{receiver}` accepts {receiver_accepts}; {}", Advice(self))]
pub struct CodecRefused {
    /// The codec of the message.
    pub codec: Codec,
    /// The name of who would get it.
    pub receiver: String,
    /// What that accepts.
    pub receiver_accepts: Accepts,
    /// The name of who sent it and what that accepts itself; none if it came from outside.
    pub sender: Option<(String, Accepts)>,
}

impl CodecRefused {
    /// The codec that both sides know.
    pub fn common(&self) -> Option<Codec> {
        self.sender.as_ref()?.1.common(self.receiver_accepts)
    }
}

/// What the sender can do.
struct Advice<'a>(&'a CodecRefused);

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = self.0;
        let Some((sender, accepts)) = &refused.sender else {
            return write!(f, "send it as {}", refused.receiver_accepts.prefers);
        };
        write!(f, "`{sender}` accepts {accepts}; ")?;
        match refused.common() {
            Some(codec) => write!(f, "send it as {codec}, which both know"),
            None => f.write_str("they have no codec in common"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY_PAIR: u32 = 1 << 7;

    fn sets() -> impl Iterator<Item = Accepts> {
        (1..EVERY_PAIR).flat_map(|bits| {
            let all = Accepts::of(Codec::all().filter(|codec| codec.bit() & bits != 0)).unwrap();
            all.codecs().map(move |codec| all.preferring(codec).unwrap())
        })
    }

    #[test]
    fn a_set_has_what_it_was_made_of_and_prefers_one_of_it() {
        assert_eq!(Accepts::of([]), None);
        let set = Accepts::of([Codec::Json, Codec::Cbor, Codec::Json]).unwrap();
        assert_eq!(set.prefers(), Codec::Json);
        assert_eq!(set.codecs().collect::<Vec<_>>(), [Codec::Json, Codec::Cbor]);
        assert_eq!(set.preferring(Codec::Cbor).unwrap().to_string(), "cbor, json");
        let refused = set.preferring(Codec::Raw).unwrap_err();
        assert_eq!(refused.to_string(), "raw is preferred and not accepted: accepted is json, cbor");
    }

    #[test]
    fn what_is_common_is_known_to_both_and_liked_by_the_receiver_first() {
        for sender in sets() {
            for receiver in sets() {
                let common = sender.common(receiver);
                let both: Vec<Codec> = sender.codecs().filter(|codec| receiver.contains(*codec)).collect();
                let liked = [receiver.prefers(), sender.prefers()];
                let expected = liked.into_iter().find(|codec| both.contains(codec));
                match expected {
                    Some(expected) => assert_eq!(common, Some(expected)),
                    None => assert_eq!(common.is_some(), !both.is_empty()),
                }
                assert!(common.is_none_or(|codec| both.contains(&codec)));
            }
        }
    }

    #[test]
    fn a_refusal_names_both_sides_and_what_they_share() {
        let mut refused = CodecRefused {
            codec: Codec::Json,
            receiver: "stock".into(),
            receiver_accepts: Accepts::of([Codec::Cbor, Codec::Borsh]).unwrap(),
            sender: Some(("orders".into(), Accepts::of([Codec::Json, Codec::Borsh]).unwrap())),
        };
        assert_eq!(
            refused.to_string(),
            "the message is json; `stock` accepts cbor, borsh; `orders` accepts json, borsh; \
             send it as borsh, which both know"
        );
        refused.sender = Some(("orders".into(), Accepts::only(Codec::Json)));
        assert_eq!(
            refused.to_string(),
            "the message is json; `stock` accepts cbor, borsh; `orders` accepts json; \
             they have no codec in common"
        );
        refused.sender = None;
        assert_eq!(refused.to_string(), "the message is json; `stock` accepts cbor, borsh; send it as cbor");
    }
}
