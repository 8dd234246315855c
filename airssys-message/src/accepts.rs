//! The set of codecs that a component accepts, one of which it prefers, and the refusal of a message
//! in another codec.

use std::fmt;

use crate::Codec;

/// The codecs that a component accepts, and the one that it prefers. Never empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Accepts {
    bits: u32,
    prefers: Codec,
}

/// The preferred codec is not among the accepted ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{prefers} is preferred but not accepted; the accepted codecs are {accepts}")]
pub struct PrefersNotAccepted {
    /// The preferred codec.
    pub prefers: Codec,
    /// The accepted codecs.
    pub accepts: Accepts,
}

impl Accepts {
    /// Accepts this codec alone.
    pub fn only(codec: Codec) -> Accepts {
        Accepts { bits: codec.bit(), prefers: codec }
    }

    /// Accepts these codecs and prefers the first. Returns `None` if the list is empty.
    pub fn of(codecs: impl IntoIterator<Item = Codec>) -> Option<Accepts> {
        let mut codecs = codecs.into_iter();
        let first = Accepts::only(codecs.next()?);
        Some(codecs.fold(first, |all, codec| Accepts { bits: all.bits | codec.bit(), ..all }))
    }

    /// Accepts the same codecs and prefers this one.
    ///
    /// # Errors
    /// [`PrefersNotAccepted`] if the codec is not among them.
    pub fn preferring(self, prefers: Codec) -> Result<Accepts, PrefersNotAccepted> {
        if self.contains(prefers) {
            Ok(Accepts { prefers, ..self })
        } else {
            Err(PrefersNotAccepted { prefers, accepts: self })
        }
    }

    /// Returns true if this codec is accepted.
    pub fn contains(self, codec: Codec) -> bool {
        self.bits & codec.bit() != 0
    }

    /// The preferred codec.
    pub fn prefers(self) -> Codec {
        self.prefers
    }

    /// Every accepted codec, the preferred one first.
    pub fn codecs(self) -> impl Iterator<Item = Codec> {
        let others = Codec::all().filter(move |codec| *codec != self.prefers && self.contains(*codec));
        std::iter::once(self.prefers).chain(others)
    }

    /// The codec in which a component that accepts these codecs should write to `receiver`. Both
    /// accept it. The receiver's preferred codec comes first, then the sender's, then the others.
    /// Returns `None` if they have no codec in common.
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

/// The refusal of a message whose receiver does not accept its codec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is {codec}; `{receiver}` accepts {receiver_accepts}; {}", Advice(self))]
pub struct CodecRefused {
    /// The codec of the message.
    pub codec: Codec,
    /// The receiver's name.
    pub receiver: String,
    /// The codecs that the receiver accepts.
    pub receiver_accepts: Accepts,
    /// The sender's name and the codecs that it accepts; `None` for a message from outside the app.
    pub sender: Option<(String, Accepts)>,
}

impl CodecRefused {
    /// The codec in which the sender should write. Returns `None` if no codec is common.
    pub fn common(&self) -> Option<Codec> {
        self.sender.as_ref()?.1.common(self.receiver_accepts)
    }
}

/// Advice for the sender.
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
    fn set_has_its_codecs_and_prefers_one_of_them() {
        assert_eq!(Accepts::of([]), None);
        let set = Accepts::of([Codec::Json, Codec::Cbor, Codec::Json]).unwrap();
        assert_eq!(set.prefers(), Codec::Json);
        assert_eq!(set.codecs().collect::<Vec<_>>(), [Codec::Json, Codec::Cbor]);
        assert_eq!(set.preferring(Codec::Cbor).unwrap().to_string(), "cbor, json");
        let refused = set.preferring(Codec::Raw).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "raw is preferred but not accepted; the accepted codecs are json, cbor"
        );
    }

    #[test]
    fn common_codec_is_known_to_both_and_preferred_by_the_receiver_first() {
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
    fn refusal_names_both_sides_and_their_common_codec() {
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
