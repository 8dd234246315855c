//! An actor that keeps its messages for the test.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::sync::lock;
use crate::{
    Actor, ActorContext, ActorRef, ActorSystem, Child, ChildSpec, Recipient, StartError, SupervisorRef,
};

/// The time that an expectation waits by default.
const PATIENCE: Duration = Duration::from_secs(3);

/// The most messages that are kept for the test.
const KEPT: usize = 65_536;

/// The number of messages that a failure shows.
const SHOWN: usize = 10;

/// An actor that keeps its messages, and the test's access to them.
///
/// The expectations wait, and panic if they are not met, at the line of the test that awaits them.
/// They wait on tokio's clock. Where that is paused (in [`run`](super::run), or in a
/// `#[tokio::test(start_paused = true)]`) they take no time, and no time passes before all tasks are
/// idle.
///
/// | | waits | for |
/// |---|---|---|
/// | [`expect_message`](Self::expect_message) | 3 s | the next message |
/// | [`expect_matching`](Self::expect_matching) | 3 s | the first that matches; those before it stay |
/// | [`expect_no_message`](Self::expect_no_message) | as long as it is told | nothing |
/// | [`next`](Self::next) | as long as it is told | the next, and never panics |
///
/// A request is a message with a [`ReplyTo`](crate::ReplyTo): the test answers it.
///
/// ```
/// use std::time::Duration;
/// use airssys_rt::testing::{self, Probe};
/// use airssys_rt::{ActorSystem, ReplyTo};
///
/// struct Price(&'static str, ReplyTo<u32>);
///
/// testing::run(async {
///     let system = ActorSystem::new("test");
///     let prices = Probe::spawn(&system, "prices").await.unwrap();
///     let asked = prices.actor_ref().clone();
///     let asking = tokio::spawn(async move {
///         asked.request(|reply| Price("tea", reply), Duration::from_secs(1)).await.unwrap()
///     });
///
///     let Price(item, reply) = prices.expect_message().await;
///     reply.send(if item == "tea" { 3 } else { 5 }).unwrap();
///     assert_eq!(asking.await.unwrap(), 3);
/// });
/// ```
///
/// The actor has the default policies: it is restarted, and keeps the messages that it has. When the
/// probe is dropped, the actor stays and drops further messages.
pub struct Probe<M> {
    actor: ActorRef<M>,
    shared: Arc<Shared<M>>,
}

struct Shared<M> {
    /// Locked while an expectation looks at messages, so that another does not miss them.
    looks: Mutex<()>,
    state: Mutex<State<M>>,
    /// Notified when a message has come, or was put back.
    changed: Notify,
}

struct State<M> {
    kept: VecDeque<M>,
    /// The number of messages that an expectation looks at, and that are not in `kept` meanwhile.
    looked_at: usize,
    received: usize,
    /// The number of messages for which there was no room.
    lost: usize,
    /// True once the probe has been dropped.
    ignored: bool,
}

struct Keeper<M>(Arc<Shared<M>>);

impl<M: Send + 'static> Child for Keeper<M> {}

impl<M: Send + 'static> Actor for Keeper<M> {
    type Message = M;
    type Error = Infallible;

    async fn handle_message(&mut self, message: M, _: &ActorContext<M>) -> Result<(), Infallible> {
        self.0.keep(message);
        Ok(())
    }
}

impl<M> Shared<M> {
    fn keep(&self, message: M) {
        let mut state = lock(&self.state);
        state.received += 1;
        if state.ignored {
            return;
        }
        match state.kept.len() + state.looked_at < KEPT {
            true => state.kept.push_back(message),
            false => state.lost += 1,
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Takes the first message that matches, or returns the reason why there will be none.
    fn take(&self, matches: &mut impl FnMut(&M) -> bool) -> Result<Option<M>, String> {
        let _alone = lock(&self.looks);
        let mut kept = {
            let mut state = lock(&self.state);
            state.looked_at = state.kept.len();
            std::mem::take(&mut state.kept)
        };
        // Not under the lock of the messages, because it is user code, which may ask the probe.
        let looked = catch_unwind(AssertUnwindSafe(|| kept.iter().position(matches)));
        let found = looked.as_ref().ok().copied().flatten().and_then(|place| kept.remove(place));
        let lost = {
            let mut state = lock(&self.state);
            state.looked_at = 0;
            kept.append(&mut state.kept);
            state.kept = kept;
            state.lost
        };
        if let Err(panic) = looked {
            resume_unwind(panic);
        }
        match lost {
            _ if found.is_some() => Ok(found),
            0 => Ok(None),
            lost => Err(format!("lost {lost} messages, since it keeps {KEPT} at most")),
        }
    }

    async fn first(&self, mut matches: impl FnMut(&M) -> bool) -> Result<M, String> {
        loop {
            let changed = self.changed.notified();
            if let Some(message) = self.take(&mut matches)? {
                return Ok(message);
            }
            changed.await;
        }
    }

    /// Returns `None` if no message matches in this time.
    async fn first_within(
        &self,
        within: Duration,
        matches: impl FnMut(&M) -> bool,
    ) -> Result<Option<M>, String> {
        timeout(within, self.first(matches)).await.map_or(Ok(None), |found| found.map(Some))
    }
}

impl<M: Send + 'static> Probe<M> {
    /// Starts a probe with this name below the root.
    ///
    /// Cancel safety: as [`ActorSystem::start`].
    pub async fn spawn(system: &ActorSystem, name: impl Into<Arc<str>>) -> Result<Self, StartError> {
        Self::spawn_below(system.root(), ChildSpec::new(name)).await
    }

    /// Starts a probe below a supervisor, by the spec.
    ///
    /// Cancel safety: as [`ActorSystem::start`].
    pub async fn spawn_below(supervisor: &SupervisorRef, spec: ChildSpec) -> Result<Self, StartError> {
        let state = State { kept: VecDeque::new(), looked_at: 0, received: 0, lost: 0, ignored: false };
        let shared =
            Arc::new(Shared { looks: Mutex::new(()), state: Mutex::new(state), changed: Notify::new() });
        let keeper = shared.clone();
        let actor = supervisor.spawn(spec, move || Keeper(keeper.clone())).await?;
        Ok(Self { actor, shared })
    }

    /// A reference that sends an `N` to the probe, and does not know its message type.
    pub fn recipient(&self) -> Recipient<M> {
        self.actor.recipient()
    }

    /// The next message; `None` if no message comes in this time.
    ///
    /// Cancel safety: nothing is lost if this is dropped.
    ///
    /// # Panics
    ///
    /// If messages were lost because more than 65,536 had not been looked at.
    pub fn next(&self, within: Duration) -> Expected<'_, Option<M>> {
        self.expected(self.shared.first_within(within, |_| true))
    }

    /// The next message, which must come within 3 s.
    ///
    /// Cancel safety: nothing is lost if this is dropped.
    ///
    /// # Panics
    ///
    /// If no message comes, or if messages were lost because more than 65,536 had not been looked at.
    #[track_caller]
    pub fn expect_message(&self) -> Expected<'_, M> {
        self.expect_message_within(PATIENCE)
    }

    /// The next message, which must come in this time.
    ///
    /// Cancel safety, panics: as [`expect_message`](Self::expect_message).
    #[track_caller]
    pub fn expect_message_within(&self, within: Duration) -> Expected<'_, M> {
        self.expected(async move {
            let message = self.shared.first_within(within, |_| true).await?;
            message.ok_or_else(|| format!("got no message within {within:?}, and {} before", self.received()))
        })
    }

    #[track_caller]
    fn expected<'a, T>(
        &'a self,
        meet: impl Future<Output = Result<T, String>> + Send + 'a,
    ) -> Expected<'a, T> {
        Expected { meet: Box::pin(meet), probe: self.actor.name(), asked: Location::caller() }
    }
}

impl<M: fmt::Debug + Send + 'static> Probe<M> {
    /// The first message that matches, of those that have not been looked at and those that come
    /// within 3 s. The others stay, in their order.
    ///
    /// Cancel safety: nothing is lost if this is dropped.
    ///
    /// # Panics
    ///
    /// If no message matches; shows those that do not. Or if messages were lost because more than
    /// 65,536 had not been looked at.
    #[track_caller]
    pub fn expect_matching<'a>(&'a self, matches: impl FnMut(&M) -> bool + Send + 'a) -> Expected<'a, M> {
        self.expect_matching_within(PATIENCE, matches)
    }

    /// As [`expect_matching`](Self::expect_matching), in this time.
    #[track_caller]
    pub fn expect_matching_within<'a>(
        &'a self,
        within: Duration,
        matches: impl FnMut(&M) -> bool + Send + 'a,
    ) -> Expected<'a, M> {
        self.expected(async move {
            let message = self.shared.first_within(within, matches).await?;
            message.ok_or_else(|| {
                format!("got no message that matches within {within:?}, but {}", self.unread())
            })
        })
    }

    /// Expects that no message comes in this time, and that no message is waiting.
    ///
    /// On a paused clock, any time above zero lets all other tasks become idle first.
    ///
    /// Cancel safety: nothing is lost if this is dropped.
    ///
    /// # Panics
    ///
    /// As soon as a message comes; shows the message, which stays.
    #[track_caller]
    pub fn expect_no_message(&self, within: Duration) -> Expected<'_, ()> {
        self.expected(async move {
            match self.shared.first_within(within, |_| true).await? {
                None => Ok(()),
                Some(message) => {
                    lock(&self.shared.state).kept.push_front(message);
                    self.shared.changed.notify_waiters();
                    Err(format!("should have got no message within {within:?}, but got {}", self.unread()))
                }
            }
        })
    }

    /// The messages that have not been looked at, as text; only the first of many.
    fn unread(&self) -> String {
        let state = lock(&self.shared.state);
        let shown: Vec<_> = state.kept.iter().take(SHOWN).map(|message| format!("{message:?}")).collect();
        match state.kept.len() {
            0 => "nothing else".to_owned(),
            all if all > SHOWN => format!("{} and {} more", shown.join(", "), all - SHOWN),
            _ => shown.join(", "),
        }
    }
}

impl<M> Probe<M> {
    /// A reference to the probe's actor.
    pub fn actor_ref(&self) -> &ActorRef<M> {
        &self.actor
    }

    /// The number of messages that the probe has got, those that were looked at included.
    pub fn received(&self) -> usize {
        lock(&self.shared.state).received
    }
}

impl<M> Drop for Probe<M> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.ignored = true;
        let kept = std::mem::take(&mut state.kept);
        drop(state);
        drop(kept);
    }
}

impl<M> fmt::Debug for Probe<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Probe({:?})", self.actor.name())
    }
}

/// An expectation of a [`Probe`]: resolves to the message, or panics.
#[must_use = "nothing is expected unless this is awaited"]
pub struct Expected<'a, T> {
    meet: Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>,
    probe: &'a str,
    asked: &'static Location<'static>,
}

impl<T> Future for Expected<'_, T> {
    type Output = T;

    // The caller of a poll is the `await`, so the panic points there.
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match self.meet.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(met)) => Poll::Ready(met),
            Poll::Ready(Err(failure)) => panic!("the probe `{}` {failure} ({})", self.probe, self.asked),
        }
    }
}

impl<T> fmt::Debug for Expected<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expected({:?}, {})", self.probe, self.asked)
    }
}
