//! The counts and the strongest events. They do not depend on the order of the events.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use airssys_sdk::report::{Report, Table};
use quake_types::{Class, Classified};

use crate::time;

/// The number of strongest events that are kept.
const STRONGEST: usize = 10;

#[derive(Default)]
pub(crate) struct Stats {
    regions: BTreeMap<String, Counts>,
    /// The strongest events, strongest first.
    strongest: Vec<Classified>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    minor: u64,
    moderate: u64,
    major: u64,
}

impl Stats {
    pub(crate) fn add(&mut self, event: Classified) {
        if !self.regions.contains_key(&event.region) {
            self.regions.insert(event.region.clone(), Counts::default());
        }
        if let Some(counts) = self.regions.get_mut(&event.region) {
            counts.add(event.class);
        }
        let at = self.strongest.partition_point(|kept| stronger(kept, &event).is_le());
        if at < STRONGEST {
            self.strongest.insert(at, event);
            self.strongest.truncate(STRONGEST);
        }
    }

    pub(crate) fn report(&self) -> Report {
        Report { tables: vec![self.by_region(), self.strongest()] }
    }

    fn by_region(&self) -> Table {
        let columns = ["region", "minor", "moderate", "major", "total"];
        let mut table = Table::new("Events by region and class", &columns);
        let mut all = Counts::default();
        for (region, counts) in &self.regions {
            table.rows.push(counts.row(region));
            all.minor += counts.minor;
            all.moderate += counts.moderate;
            all.major += counts.major;
        }
        table.rows.push(all.row("total"));
        table
    }

    fn strongest(&self) -> Table {
        let mut table = Table::new("Strongest ten", &["magnitude", "place", "region", "time (UTC)"]);
        for Classified { quake, region, .. } in &self.strongest {
            table.rows.push(vec![
                quake.magnitude.into(),
                quake.place.as_str().into(),
                region.as_str().into(),
                time::iso_8601(quake.time_ms).into(),
            ]);
        }
        table
    }
}

impl Counts {
    fn add(&mut self, class: Class) {
        match class {
            Class::Minor => self.minor += 1,
            Class::Moderate => self.moderate += 1,
            Class::Major => self.major += 1,
        }
    }

    fn row(self, region: &str) -> Vec<airssys_sdk::report::Cell> {
        let Counts { minor, moderate, major } = self;
        vec![region.into(), minor.into(), moderate.into(), major.into(), (minor + moderate + major).into()]
    }
}

/// Orders by magnitude, strongest first, then by time, then by id.
fn stronger(one: &Classified, other: &Classified) -> Ordering {
    let (one, other) = (&one.quake, &other.quake);
    other
        .magnitude
        .total_cmp(&one.magnitude)
        .then(one.time_ms.cmp(&other.time_ms))
        .then_with(|| one.id.cmp(&other.id))
}

#[cfg(test)]
mod tests {
    use airssys_sdk::report::Cell;
    use quake_types::Quake;

    use super::*;

    fn event(id: u32, magnitude: f64, region: &str) -> Classified {
        let quake = Quake {
            id: format!("id{id:02}"),
            magnitude,
            place: format!("place {id}"),
            time_ms: 1_517_966_773_840,
            longitude: 0.0,
            latitude: 0.0,
            depth_km: 0.0,
        };
        Classified { quake, class: Class::of(magnitude), region: region.to_owned() }
    }

    #[test]
    fn events_are_counted_by_region_and_class() {
        let mut stats = Stats::default();
        for (id, magnitude, region) in [(1, 2.0, "asia"), (2, 3.0, "alaska"), (3, 6.0, "asia")] {
            stats.add(event(id, magnitude, region));
        }
        let report = stats.report();
        let row = |region: &str, counts: [u64; 4]| {
            std::iter::once(Cell::from(region)).chain(counts.map(Cell::from)).collect::<Vec<_>>()
        };
        assert_eq!(
            report.tables[0].rows,
            [row("alaska", [0, 1, 0, 1]), row("asia", [1, 0, 1, 2]), row("total", [1, 1, 1, 3]),]
        );
        assert_eq!(
            report.tables[1].rows[0],
            [Cell::from(6.0), Cell::from("place 3"), Cell::from("asia"), Cell::from("2018-02-07T01:26:13Z"),]
        );
    }

    #[test]
    fn the_strongest_ten_do_not_depend_on_the_order() {
        let events: Vec<_> = (0..30).map(|id| event(id, f64::from(id % 7), "asia")).collect();
        let mut forwards = Stats::default();
        let mut backwards = Stats::default();
        events.iter().for_each(|event| forwards.add(event.clone()));
        events.iter().rev().for_each(|event| backwards.add(event.clone()));
        let ids: Vec<_> = forwards.strongest.iter().map(|event| event.quake.id.as_str()).collect();
        assert_eq!(ids, ["id06", "id13", "id20", "id27", "id05", "id12", "id19", "id26", "id04", "id11"]);
        assert_eq!(forwards.strongest, backwards.strongest);
    }

    #[test]
    fn report_without_events_has_a_total_of_zero() {
        let report = Stats::default().report();
        assert_eq!(report.tables[0].rows.len(), 1);
        assert!(report.tables[1].rows.is_empty());
    }
}
