//! The list of a service's scenarios.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use futures_util::FutureExt;

/// A scenario with its name. It fails by a panic.
pub type Scenario<S> = (&'static str, Run<S>);

type Run<S> = for<'a> fn(&'a S) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Makes a scenario, for the macro `scenarios`.
#[doc(hidden)]
pub fn scenario<S>(name: &'static str, run: Run<S>) -> Scenario<S> {
    (name, run)
}

/// Makes the list of scenarios: async functions of rooms, each with the subject as its parameter.
///
/// ```
/// # mod values { pub async fn numbers_are_kept(_: &u8) {} }
/// # fn list() -> [airssys_conformance::Scenario<u8>; 1] {
/// airssys_conformance::scenarios![values::numbers_are_kept]
/// # }
/// # assert_eq!(list()[0].0, "values::numbers_are_kept");
/// ```
#[macro_export]
macro_rules! scenarios {
    ($($room:ident::$name:ident),* $(,)?) => {
        [$($crate::scenario(
            concat!(stringify!($room), "::", stringify!($name)),
            |subject| Box::pin($room::$name(subject)),
        )),*]
    };
}

/// Runs every scenario, one after the other. A failed one does not keep the others from running.
///
/// # Panics
/// With the names of the scenarios that do not pass.
pub async fn run<S: Sync>(subject: &S, scenarios: &[Scenario<S>]) {
    let mut failed = Vec::new();
    for (name, scenario) in scenarios {
        eprintln!("scenario {name}");
        if AssertUnwindSafe(scenario(subject)).catch_unwind().await.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "these scenarios do not pass: {}", failed.join(", "));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    mod room {
        use super::*;

        pub(super) async fn passes(ran: &AtomicU32) {
            ran.fetch_add(1, Ordering::Relaxed);
        }

        pub(super) async fn fails(ran: &AtomicU32) {
            panic!("{ran:?}");
        }
    }

    #[tokio::test]
    async fn failed_scenario_is_named_and_the_others_run() {
        let ran = AtomicU32::new(0);
        let list = crate::scenarios![room::fails, room::passes];
        let failed = AssertUnwindSafe(run(&ran, &list)).catch_unwind().await.unwrap_err();
        let text = failed.downcast::<String>().unwrap();
        assert_eq!(*text, "these scenarios do not pass: room::fails");
        assert_eq!(ran.load(Ordering::Relaxed), 1);
    }
}
