//! The table of regions: boxes of longitude and latitude. The first that holds a point wins.

/// A region's name, then its box in degrees: west, east, south, north, edges included.
type Row = (&'static str, f64, f64, f64, f64);

/// The order matters: a small region stands before the larger ones that surround it.
#[rustfmt::skip]
const REGIONS: [Row; 27] = [
    ("antarctica",      -180.0,  180.0, -90.0, -60.0),
    ("arctic",          -180.0,  180.0,  72.0,  90.0),
    ("hawaii",          -161.0, -154.0,  18.0,  23.0),
    ("alaska",          -180.0, -130.0,  50.0,  72.0),
    ("alaska",           170.0,  180.0,  50.0,  56.0),
    // California's border with Nevada runs aslant: one step per degree of latitude.
    ("california",      -125.5, -120.0,  39.0,  42.0),
    ("california",      -125.5, -119.3,  38.0,  39.0),
    ("california",      -125.5, -118.0,  37.0,  38.0),
    ("california",      -125.5, -116.6,  36.0,  37.0),
    ("california",      -125.5, -115.3,  35.0,  36.0),
    ("california",      -125.5, -114.5,  32.6,  35.0),
    ("north-america",   -140.0,  -50.0,  24.5,  72.0),
    ("caribbean",        -85.0,  -74.0,  17.0,  24.5),
    ("caribbean",        -74.0,  -59.0,  12.0,  24.5),
    ("central-america", -118.0,  -77.0,   7.0,  24.5),
    ("south-america",    -93.0,  -32.0, -60.0,  13.0),
    ("europe",           -25.0,   45.0,  35.0,  72.0),
    ("middle-east",       34.0,   63.0,  12.0,  42.0),
    ("africa",           -20.0,   52.0, -37.0,  38.0),
    ("southeast-asia",    92.0,  135.0, -11.0,  21.0),
    ("east-asia",         97.0,  150.0,  21.0,  55.0),
    ("asia",              45.0,  180.0,   5.0,  72.0),
    ("oceania",          110.0,  180.0, -50.0,   5.0),
    ("oceania",         -180.0, -120.0, -50.0,  18.0),
    // Ridges between the plates, far from land.
    ("atlantic",         -70.0,   20.0, -60.0,  72.0),
    ("indian-ocean",      20.0,  147.0, -60.0,  30.0),
    ("pacific",         -180.0,  -70.0, -60.0,  50.0),
];

/// The name for a point that no row holds.
const ELSEWHERE: &str = "elsewhere";

/// The region of a point, in degrees.
pub(crate) fn region(longitude: f64, latitude: f64) -> &'static str {
    REGIONS
        .iter()
        .find(|(_, west, east, south, north)| {
            (*west..=*east).contains(&longitude) && (*south..=*north).contains(&latitude)
        })
        .map_or(ELSEWHERE, |row| row.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_their_regions() {
        for (place, longitude, latitude, expected) in [
            ("Castaic, CA", -118.667, 34.4945, "california"),
            ("Mammoth Lakes, CA", -118.97, 37.65, "california"),
            ("Las Vegas, Nevada", -115.14, 36.17, "north-america"),
            ("Reno, Nevada", -119.81, 39.53, "north-america"),
            ("Anchorage, Alaska", -149.9, 61.2, "alaska"),
            ("Attu, Alaska", 172.9, 52.9, "alaska"),
            ("Pahala, Hawaii", -155.48, 19.2, "hawaii"),
            ("San Juan, Puerto Rico", -66.1, 18.47, "caribbean"),
            ("San Salvador", -89.2, 13.7, "central-america"),
            ("Santiago de Chile", -70.65, -33.45, "south-america"),
            ("Hualien, Taiwan", 121.6, 23.98, "east-asia"),
            ("Tokyo", 139.7, 35.7, "east-asia"),
            ("Jakarta", 106.8, -6.2, "southeast-asia"),
            ("Kabul", 69.2, 34.5, "asia"),
            ("Tehran", 51.4, 35.7, "middle-east"),
            ("Athens", 23.7, 38.0, "europe"),
            ("Nairobi", 36.8, -1.3, "africa"),
            ("Suva, Fiji", 178.4, -18.1, "oceania"),
            ("Nuku'alofa, Tonga", -175.2, -21.1, "oceania"),
            ("South Pole", 0.0, -90.0, "antarctica"),
            ("Reykjanes Ridge", -35.2, 53.4, "atlantic"),
            ("Southeast Indian Ridge", 85.1, -41.7, "indian-ocean"),
        ] {
            assert_eq!(region(longitude, latitude), expected, "{place}");
        }
    }

    #[test]
    fn every_point_has_a_region_that_is_a_topic_segment() {
        for longitude in -180..=180 {
            for latitude in -90..=90 {
                let name = region(f64::from(longitude), f64::from(latitude));
                assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
            }
        }
        assert_eq!(region(f64::NAN, 0.0), ELSEWHERE);
    }

    #[test]
    fn every_row_holds_points_that_earlier_rows_do_not() {
        for (index, (name, west, east, south, north)) in REGIONS.iter().enumerate() {
            let steps =
                |from: f64, to: f64| (1..100).map(move |step| from + (to - from) * f64::from(step) / 100.0);
            let reached = steps(*west, *east).any(|longitude| {
                steps(*south, *north).any(|latitude| {
                    let first = REGIONS.iter().position(|(_, w, e, s, n)| {
                        (*w..=*e).contains(&longitude) && (*s..=*n).contains(&latitude)
                    });
                    first == Some(index)
                })
            });
            assert!(reached, "row {index}, {name}");
        }
    }
}
