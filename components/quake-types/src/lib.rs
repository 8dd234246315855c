//! The messages between the earthquake components, as CBOR.

use serde::{Deserialize, Serialize};

/// An earthquake. Sent to `quake-classify`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quake {
    pub id: String,
    pub magnitude: f64,
    /// Empty if the source does not name a place.
    pub place: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub time_ms: i64,
    /// Degrees, -180 to 180.
    pub longitude: f64,
    /// Degrees, -90 to 90.
    pub latitude: f64,
    pub depth_km: f64,
}

/// Asks `quake-region` for the region of this point. Answered with a [`Region`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Locate {
    /// Degrees, -180 to 180.
    pub longitude: f64,
    /// Degrees, -90 to 90.
    pub latitude: f64,
}

/// A region of the Earth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// A segment of a topic: lower-case letters and hyphens.
    pub name: String,
}

/// The strength of an earthquake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Magnitude below 2.5: hardly felt.
    Minor,
    /// From 2.5 to below 5.
    Moderate,
    /// 5 and more.
    Major,
}

impl Class {
    /// Classifies a magnitude.
    pub fn of(magnitude: f64) -> Class {
        match magnitude {
            m if m < 2.5 => Class::Minor,
            m if m < 5.0 => Class::Moderate,
            _ => Class::Major,
        }
    }

    /// The class's name, as a segment of a topic.
    pub fn name(self) -> &'static str {
        match self {
            Class::Minor => "minor",
            Class::Moderate => "moderate",
            Class::Major => "major",
        }
    }
}

/// An earthquake with its class and region. Published on `quakes.CLASS.REGION`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classified {
    pub quake: Quake,
    pub class: Class,
    /// The region's name.
    pub region: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_begins_at_its_lower_bound() {
        for (magnitude, class) in [
            (-0.8, Class::Minor),
            (2.49, Class::Minor),
            (2.5, Class::Moderate),
            (4.99, Class::Moderate),
            (5.0, Class::Major),
            (6.4, Class::Major),
        ] {
            assert_eq!(Class::of(magnitude), class, "{magnitude}");
        }
    }
}
