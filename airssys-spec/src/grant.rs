//! Giving and revoking rights, as values.

use serde::{Deserialize, Serialize};

use crate::capability::{Capabilities, Capability, InvalidPattern};

/// The direction in which a grant changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantVerb {
    /// The component may do more.
    Give,
    /// The component may do less.
    Revoke,
}

/// The outcome of giving or revoking a right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GrantChange {
    /// The component.
    pub component: String,
    /// The direction of the change.
    pub verb: GrantVerb,
    /// The kind of right.
    pub capability: Capability,
    /// The pattern that was given or revoked.
    pub pattern: String,
    /// True if the change made a difference to the granted patterns.
    pub changed: bool,
    /// The patterns that a revocation removed: those that the revoked one covers.
    pub removed: Vec<String>,
    /// The patterns that allowed all of it before it was given, or still allow some of it after a
    /// revocation.
    pub allowed_by: Vec<String>,
    /// Subscriptions that ended, each listed once for all instances.
    pub ended: Vec<String>,
    /// Subscriptions of the manifest that were restored, each listed once for all instances.
    pub restored: Vec<String>,
}

/// Reasons for which a grant was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// The app has no component of this name.
    #[error("the app has no component `{component}`")]
    UnknownComponent {
        /// The name.
        component: String,
    },
    /// The right is fixed when the component starts, and cannot change while it runs.
    #[error(
        "`{}` is fixed when a component starts: change it in app.toml, and start the app again",
        capability.key()
    )]
    Fixed {
        /// The kind of right.
        capability: Capability,
    },
    /// The text is not a pattern of the kind that the right has.
    #[error("`{pattern}` cannot be written under `{}`: {source}", capability.key())]
    Pattern {
        /// The kind of right.
        capability: Capability,
        /// The text.
        pattern: String,
        /// The rule that it breaks.
        source: InvalidPattern,
    },
    /// The component does not ask for the right.
    #[error(
        "the Component.toml of `{component}` does not ask for {key} = [{pattern:?}], but for {key} = {asked:?}; only \
         rights that it asks for can be given",
        key = capability.key()
    )]
    NotAsked {
        /// The component.
        component: String,
        /// The kind of right.
        capability: Capability,
        /// The pattern that was to be given.
        pattern: String,
        /// The patterns of this kind that the component asks for.
        asked: Vec<String>,
    },
    /// A granted pattern is wider than the revoked one, and cannot be revoked in part.
    #[error(
        "`{component}` is granted {key} = {by:?}, which is wider than {pattern:?}: revoke all of it, then give what \
         is to stay",
        key = capability.key()
    )]
    Wider {
        /// The component.
        component: String,
        /// The kind of right.
        capability: Capability,
        /// The pattern that was to be revoked.
        pattern: String,
        /// The granted patterns that overlap it.
        by: Vec<String>,
    },
}

/// Gives a right to a component, or revokes it, within what the component asks for.
///
/// Giving a right that is covered already changes nothing. A revocation removes the patterns that
/// the revoked one covers. The lists of subscriptions are left empty.
///
/// # Errors
/// [`GrantError`]; the grant is unchanged.
pub fn change(
    verb: GrantVerb,
    component: &str,
    (capability, pattern): (Capability, &str),
    asked: &Capabilities,
    granted: &mut Capabilities,
) -> Result<GrantChange, GrantError> {
    let (Some(asked), Some(granted)) = (asked.list(capability), granted.list_mut(capability)) else {
        return Err(GrantError::Fixed { capability });
    };
    let invalid = |source| GrantError::Pattern { capability, pattern: pattern.to_owned(), source };
    let (component, owned) = (component.to_owned(), pattern.to_owned());
    let (removed, allowed_by) = match verb {
        GrantVerb::Give => {
            if asked.covering(pattern).map_err(invalid)?.is_empty() {
                return Err(GrantError::NotAsked {
                    component,
                    capability,
                    pattern: owned,
                    asked: asked.texts(),
                });
            }
            let allowed_by = granted.covering(pattern).map_err(invalid)?;
            if allowed_by.is_empty() {
                granted.add(pattern).map_err(invalid)?;
            }
            (Vec::new(), allowed_by)
        }
        GrantVerb::Revoke => {
            let removed = granted.remove_covered(pattern).map_err(invalid)?;
            let allowed_by = granted.overlapping(pattern).map_err(invalid)?;
            if removed.is_empty() && !allowed_by.is_empty() {
                return Err(GrantError::Wider { component, capability, pattern: owned, by: allowed_by });
            }
            (removed, allowed_by)
        }
    };
    let changed = match verb {
        GrantVerb::Give => allowed_by.is_empty(),
        GrantVerb::Revoke => !removed.is_empty(),
    };
    let (ended, restored) = (Vec::new(), Vec::new());
    Ok(GrantChange {
        component,
        verb,
        capability,
        pattern: owned,
        changed,
        removed,
        allowed_by,
        ended,
        restored,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(capability: Capability, patterns: &[&str]) -> Capabilities {
        let mut set = Capabilities::default();
        for pattern in patterns {
            set.list_mut(capability).unwrap().add(pattern).unwrap();
        }
        set
    }

    #[test]
    fn every_kind_of_right_is_given_and_revoked_by_the_same_rules() {
        for (capability, wide, narrow, foreign) in [
            (Capability::Send, "pool", "pool/2", "other"),
            (Capability::Request, "pool/*", "pool/2", "other"),
            (Capability::Publish, "quakes.*", "quakes.big", "other"),
            (Capability::Subscribe, "quakes.*", "quakes.big", "other"),
            (Capability::Use, "keyvalue/sessions", "keyvalue/sessions:read", "sql/orders:read"),
            (
                Capability::HttpOutgoing,
                "https://*.example.org:443",
                "https://api.example.org:443",
                "https://api.example.com:443",
            ),
        ] {
            let (asked, mut granted) = (set(capability, &[wide]), Capabilities::default());
            let mut change = |verb, pattern| {
                super::change(verb, "a", (capability, pattern), &asked, &mut granted)
                    .map(|change| change.changed)
            };
            assert_eq!(change(GrantVerb::Give, narrow), Ok(true), "{capability:?}");
            assert_eq!(change(GrantVerb::Give, narrow), Ok(false), "{capability:?}");
            assert!(matches!(change(GrantVerb::Give, foreign), Err(GrantError::NotAsked { .. })));
            assert_eq!(change(GrantVerb::Give, wide), Ok(true), "{capability:?}");
            assert_eq!(change(GrantVerb::Revoke, wide), Ok(true), "{capability:?}");
            assert_eq!(change(GrantVerb::Give, wide), Ok(true), "{capability:?}");
            assert!(matches!(change(GrantVerb::Revoke, narrow), Err(GrantError::Wider { .. })));
            assert!(matches!(change(GrantVerb::Give, "a..b//c"), Err(GrantError::Pattern { .. })));
            assert_eq!(granted.patterns(capability), [wide]);
        }
    }

    #[test]
    fn input_cannot_change_while_a_component_runs() {
        let mut granted = Capabilities::default();
        let (verb, what) = (GrantVerb::Give, (Capability::Input, "x"));
        let refused = change(verb, "a", what, &Capabilities::everything(), &mut granted).unwrap_err();
        assert_eq!(refused, GrantError::Fixed { capability: Capability::Input });
    }
}
