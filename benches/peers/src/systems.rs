//! The compared systems.

mod actix;
mod airssys;
mod kameo;
mod ractor;
mod tokio;
mod xtra;

use std::time::{Duration, Instant};

use crate::tally::{Failure, broken};
use crate::workload::Workload;

/// A way to run actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// A task and a channel, nothing else. The others are compared with it.
    Tokio,
    Airssys,
    Ractor,
    Kameo,
    Actix,
    Xtra,
}

/// The message of most workloads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Note(pub(crate) u64);

/// Limit on one measurement.
const LIMIT: Duration = Duration::from_secs(240);

impl System {
    pub(crate) const ALL: [Self; 6] =
        [Self::Tokio, Self::Airssys, Self::Ractor, Self::Kameo, Self::Actix, Self::Xtra];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tokio => "tokio",
            Self::Airssys => "airssys",
            Self::Ractor => "ractor",
            Self::Kameo => "kameo",
            Self::Actix => "actix",
            Self::Xtra => "xtra",
        }
    }

    /// Returns the title of the system's column.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Tokio => "raw tokio",
            Self::Airssys => "airssys-rt",
            _ => self.name(),
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.name() == name)
    }

    /// Returns a note on the system's result, or on its absence.
    pub(crate) fn note(self, workload: Workload) -> Option<&'static str> {
        match self {
            Self::Tokio => tokio::note(workload),
            Self::Airssys => airssys::note(workload),
            Self::Ractor => ractor::note(workload),
            Self::Kameo => kameo::note(workload),
            Self::Actix => actix::note(workload),
            Self::Xtra => xtra::note(workload),
        }
    }

    /// Runs a workload. Returns `None` if the system cannot do it.
    pub(crate) fn run(self, workload: Workload, operations: u64) -> Result<Option<f64>, Failure> {
        match self {
            Self::Tokio => on_two_workers(tokio::run(workload, operations)),
            Self::Airssys => on_two_workers(airssys::run(workload, operations)),
            Self::Ractor => on_two_workers(ractor::run(workload, operations)),
            Self::Kameo => on_two_workers(kameo::run(workload, operations)),
            Self::Actix => actix::run(workload, operations),
            Self::Xtra => on_two_workers(xtra::run(workload, operations)),
        }
    }
}

/// Runs a measurement in a task, because the thread of `block_on` is not a worker.
fn on_two_workers(
    work: impl Future<Output = Result<Option<f64>, Failure>> + Send + 'static,
) -> Result<Option<f64>, Failure> {
    let mut builder = ::tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().map_err(broken)?;
    let done = runtime.block_on(async { ::tokio::time::timeout(LIMIT, ::tokio::spawn(work)).await });
    // The runtime may hold 100,000 tasks, and the process ends anyway.
    runtime.shutdown_background();
    match done {
        Ok(joined) => joined.map_err(broken)?,
        Err(_) => Err(broken(format!("the measurement did not end within {LIMIT:?}"))),
    }
}

/// Returns the nanoseconds for each of the operations.
fn nanos_each(start: Instant, end: Instant, operations: u64) -> f64 {
    end.duration_since(start).as_nanos() as f64 / operations as f64
}

/// Makes a publication: 64 bytes that begin with the number.
fn payload(number: u64) -> std::sync::Arc<[u8]> {
    let mut bytes = [0; 64];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes.into()
}

/// Returns the number at the start of a publication.
fn number(payload: &[u8]) -> u64 {
    payload.first_chunk().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns few enough operations for a debug build.
    fn few(workload: Workload) -> u64 {
        (workload.facts().operations / 5000).max(10)
    }

    fn does_all(system: System) {
        for workload in Workload::ALL {
            if workload == Workload::Lookup100000 {
                continue;
            }
            let figure = system.run(workload, few(workload));
            match figure {
                Ok(Some(figure)) => assert!(figure >= 0.0 && figure.is_finite(), "{}", workload.name()),
                Ok(None) => assert!(system.note(workload).is_some(), "{} needs a reason", workload.name()),
                Err(failure) => panic!("{}: {failure}", workload.name()),
            }
        }
    }

    #[test]
    fn tokio_loses_no_message() {
        does_all(System::Tokio);
    }

    #[test]
    fn airssys_loses_no_message() {
        does_all(System::Airssys);
    }

    #[test]
    fn ractor_loses_no_message() {
        does_all(System::Ractor);
    }

    #[test]
    fn kameo_loses_no_message() {
        does_all(System::Kameo);
    }

    #[test]
    fn actix_loses_no_message() {
        does_all(System::Actix);
    }

    #[test]
    fn xtra_loses_no_message() {
        does_all(System::Xtra);
    }

    #[test]
    fn a_payload_begins_with_its_number() {
        assert_eq!(payload(7).len(), 64);
        assert_eq!(number(&payload(7)), 7);
        assert_eq!(number(&[1, 2]), u64::MAX);
    }

    #[test]
    fn a_measurement_that_panics_is_a_failure() {
        let failed = on_two_workers(async { panic!("on purpose") });
        assert!(failed.is_err());
    }
}
