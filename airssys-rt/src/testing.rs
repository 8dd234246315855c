//! The test kit: an actor that keeps its messages, planned faults, and runs that repeat.
//!
//! It comes with the feature `testing`, which is for the `[dev-dependencies]`:
//!
//! ```toml
//! airssys-rt = { version = "0.1", features = ["testing"] }
//! ```
//!
//! | to | see |
//! |---|---|
//! | see what an actor sends, and answer it | [`Probe`] |
//! | make an actor fail, panic, be late or hang, on a chosen message or start | [`Faults`] |
//! | run a test in the same order each time, on a paused clock | [`run`] |
//! | run it in many orders | [`explore`] |
//! | wait for the end of an actor | [`ActorRef::closed`](crate::ActorRef::closed) |
//!
//! ```
//! use std::time::Duration;
//! use airssys_rt::testing::{self, Faults, Probe};
//! use airssys_rt::{Actor, ActorContext, ActorSystem, Child, ChildSpec, Recipient, RestartPolicy};
//!
//! #[derive(Debug, PartialEq)]
//! struct Paid(u32);
//!
//! /// Sends each payment to the books, a minute later.
//! struct Till {
//!     books: Recipient<Paid>,
//! }
//!
//! impl Child for Till {}
//!
//! impl Actor for Till {
//!     type Message = Paid;
//!     type Error = std::convert::Infallible;
//!
//!     async fn handle_message(&mut self, paid: Paid, _: &ActorContext<Paid>) -> Result<(), Self::Error> {
//!         tokio::time::sleep(Duration::from_secs(60)).await;
//!         drop(self.books.send(paid).await);
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! testing::run(async {
//!     let system = ActorSystem::new("shop");
//!     let books = Probe::spawn(&system, "books").await?;
//!     // The second message fails before the till sees it.
//!     let faults = Faults::new().fail_nth(2);
//!     let recipient = books.recipient();
//!     let till = faults.wrap(move || Till { books: recipient.clone() });
//!     let till = system.spawn(ChildSpec::new("till").restart(RestartPolicy::Transient), till).await?;
//!
//!     for amount in 1..=3 {
//!         till.send(Paid(amount)).await?;
//!     }
//!     let minute = Duration::from_secs(60);
//!     books.expect_no_message(minute / 2).await;
//!     assert_eq!(books.expect_message_within(minute).await, Paid(1));
//!     // The next incarnation goes on after the message that failed.
//!     assert_eq!(books.expect_message_within(2 * minute).await, Paid(3));
//!     assert_eq!((till.stats().restarts, faults.left()), (1, 0));
//!
//!     till.stop();
//!     assert_eq!(till.closed().await.to_string(), "shut down");
//!     Ok(())
//! })
//! # }
//! ```

mod faults;
mod faulty;
mod probe;
pub(crate) mod schedule;

pub use self::faults::{Fault, Faults, Injected, Place};
pub use self::faulty::{Faulty, FaultyError};
pub use self::probe::{Expected, Probe};
pub use self::schedule::{explore, run, run_with_seed};
