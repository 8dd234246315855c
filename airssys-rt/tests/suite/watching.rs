//! Monitors and links: the notifications of ends, and when they come.

use airssys_rt::{
    ActorRef, ActorState, ActorSystem, ChildSpec, ExitReason, RestartPolicy, RestartStrategy,
    SupervisorConfig,
};

use crate::support::script::{Log, SECOND, Say, Script, run, settle, start};

/// A system that restarts its actors at once, without a limit.
fn system() -> ActorSystem {
    let config = SupervisorConfig {
        restart_strategy: RestartStrategy::Immediate,
        max_restarts: u32::MAX,
        ..SupervisorConfig::default()
    };
    ActorSystem::builder("test").supervisor(config).build()
}

struct Pair {
    system: ActorSystem,
    log: Log,
    watcher: ActorRef<Say>,
    watched: ActorRef<Say>,
}

async fn pair(policy: RestartPolicy) -> Pair {
    let (system, log) = (system(), Log::default());
    let watcher = start(&system, &log, ChildSpec::new("watcher").capacity(2)).await;
    let watched = start(&system, &Log::default(), ChildSpec::new("watched").restart(policy)).await;
    Pair { system, log, watcher, watched }
}

impl Pair {
    async fn monitor(&self) {
        let watched = self.watched.clone();
        run(&self.watcher, move |context| context.monitor(&watched)).await;
    }

    async fn demonitor(&self) {
        let watched = self.watched.clone();
        run(&self.watcher, move |context| context.demonitor(&watched)).await;
    }

    async fn link(&self) {
        let watched = self.watched.clone();
        run(&self.watcher, move |context| context.link(&watched)).await;
    }
}

async fn incarnations(pair: &Pair) -> (u64, u64) {
    settle().await;
    (pair.watcher.stats().restarts, pair.watched.stats().restarts)
}

#[tokio::test(start_paused = true)]
async fn monitor_is_notified_of_each_end_until_the_last() {
    let pair = pair(RestartPolicy::Permanent).await;
    pair.monitor().await;
    pair.monitor().await;
    let ends = [
        (Say::Fail, "watched failed: told to fail, restarting"),
        (Say::Panic, "watched panicked: told to panic, restarting"),
        (Say::Stop, "watched stopped normally, restarting"),
    ];
    for (message, heard) in ends {
        pair.watched.send(message).await.unwrap();
        settle().await;
        assert_eq!(pair.log.take(), [heard]);
    }
    pair.watched.kill();
    settle().await;
    assert_eq!(pair.log.take(), ["watched killed, restarting"]);
    pair.watched.stop();
    pair.watched.closed().await;
    settle().await;
    assert_eq!(pair.log.take(), ["watched shut down"]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_temporary_actor_is_final() {
    let pair = pair(RestartPolicy::Temporary).await;
    pair.monitor().await;
    pair.watched.send(Say::Fail).await.unwrap();
    settle().await;
    assert_eq!(pair.log.take(), ["watched failed: told to fail"]);
}

#[tokio::test(start_paused = true)]
async fn monitor_of_an_ended_actor_is_notified_once() {
    let pair = pair(RestartPolicy::Temporary).await;
    pair.watched.send(Say::Stop).await.unwrap();
    pair.watched.closed().await;
    for _ in 0..2 {
        pair.monitor().await;
        settle().await;
        assert_eq!(pair.log.take(), ["watched stopped normally"]);
    }
}

#[tokio::test(start_paused = true)]
async fn demonitor_withdraws_notifications() {
    let pair = pair(RestartPolicy::Permanent).await;
    pair.monitor().await;
    pair.demonitor().await;
    pair.demonitor().await;
    pair.watched.send(Say::Fail).await.unwrap();
    settle().await;
    // Earlier ends that were not notified yet are not notified either.
    pair.monitor().await;
    pair.watcher.send(Say::Take(SECOND)).await.unwrap();
    settle().await;
    let watched = pair.watched.clone();
    pair.watcher.send(Say::Run(Box::new(move |context| context.demonitor(&watched)))).await.unwrap();
    pair.watched.send(Say::Fail).await.unwrap();
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(pair.watched.stats().restarts, 2);
    // The notification comes after the handler that was running, and before the other messages.
    assert_eq!(pair.log.take(), ["watched failed: told to fail, restarting"]);
    let watched = pair.watched.clone();
    let ended = pair.watched.clone();
    run(&pair.watcher, move |context| {
        context.monitor(&watched);
        watched.stop();
    })
    .await;
    ended.closed().await;
    settle().await;
    assert_eq!(pair.log.take(), ["watched shut down"]);
    let ended = pair.watched.clone();
    run(&pair.watcher, move |context| {
        context.monitor(&ended);
        context.demonitor(&ended);
    })
    .await;
    settle().await;
    assert_eq!(pair.log.take(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn last_of_several_ends_is_notified_ahead_of_a_full_mailbox() {
    let pair = pair(RestartPolicy::Permanent).await;
    let other = start(&pair.system, &Log::default(), ChildSpec::new("other")).await;
    let also = other.clone();
    run(&pair.watcher, move |context| context.monitor(&also)).await;
    pair.monitor().await;
    pair.watcher.send(Say::Take(SECOND)).await.unwrap();
    settle().await;
    for number in 0..2 {
        pair.watcher.try_send(Say::Note(number)).unwrap();
    }
    assert!(pair.watcher.try_send(Say::Note(2)).is_err(), "it is full");
    for message in [Say::Fail, Say::Stop, Say::Panic] {
        pair.watched.send(message).await.unwrap();
    }
    other.stop();
    tokio::time::sleep(2 * SECOND).await;
    let expected = ["watched panicked: told to panic, restarting", "other shut down", "note 0", "note 1"];
    assert_eq!(pair.log.take(), expected);
}

#[tokio::test(start_paused = true)]
async fn monitors_outlive_the_incarnations_of_the_watcher() {
    let pair = pair(RestartPolicy::Permanent).await;
    pair.monitor().await;
    pair.watcher.send(Say::Panic).await.unwrap();
    settle().await;
    pair.watched.send(Say::Fail).await.unwrap();
    settle().await;
    assert_eq!(pair.log.take(), ["watched failed: told to fail, restarting"]);

    // The next incarnation is notified of ends during the restart.
    pair.watcher.send(Say::Take(SECOND)).await.unwrap();
    pair.watcher.send(Say::Note(1)).await.unwrap();
    settle().await;
    pair.watched.send(Say::Fail).await.unwrap();
    settle().await;
    pair.watcher.kill();
    settle().await;
    assert_eq!(pair.log.take(), ["watched failed: told to fail, restarting", "note 1"]);
}

#[tokio::test(start_paused = true)]
async fn linked_actors_fail_together() {
    for fails_first in [true, false] {
        let pair = pair(RestartPolicy::Permanent).await;
        let mut events = pair.system.events();
        pair.link().await;
        let (first, other) = match fails_first {
            true => (&pair.watcher, &pair.watched),
            false => (&pair.watched, &pair.watcher),
        };
        first.send(Say::Fail).await.unwrap();
        assert_eq!(incarnations(&pair).await, (1, 1));
        let mut linked = Vec::new();
        while let Ok(Ok(Some(event))) = tokio::time::timeout(SECOND, events.next()).await {
            if let airssys_rt::Event::Restarting { actor, reason: reason @ ExitReason::Linked(_), .. } = event
            {
                linked.push(format!("{actor} {reason}"));
            }
        }
        let expected = format!("{} failed with `{}`, which failed: told to fail", other.name(), first.name());
        assert_eq!(linked, [expected]);
        // A link is between incarnations: those that run now are not linked.
        first.send(Say::Fail).await.unwrap();
        let restarts = if fails_first { (2, 1) } else { (1, 2) };
        assert_eq!(incarnations(&pair).await, restarts);
        other.send(Say::Fail).await.unwrap();
        assert_eq!(incarnations(&pair).await, (2, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_not_a_failure_and_ends_the_link() {
    let pair = pair(RestartPolicy::Permanent).await;
    pair.link().await;
    pair.watched.send(Say::Stop).await.unwrap();
    assert_eq!(incarnations(&pair).await, (0, 1));
    // The incarnation that was linked is over.
    pair.watched.send(Say::Fail).await.unwrap();
    assert_eq!(incarnations(&pair).await, (0, 2));
    pair.watcher.send(Say::Fail).await.unwrap();
    assert_eq!(incarnations(&pair).await, (1, 2));
}

#[tokio::test(start_paused = true)]
async fn killed_actor_fails_its_linked_actors() {
    let pair = pair(RestartPolicy::Permanent).await;
    pair.link().await;
    pair.watched.kill();
    assert_eq!(incarnations(&pair).await, (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_unlink_from_either_side_ends_it() {
    for own_side in [true, false] {
        let pair = pair(RestartPolicy::Permanent).await;
        pair.link().await;
        let (own, other) = match own_side {
            true => (pair.watcher.clone(), pair.watched.clone()),
            false => (pair.watched.clone(), pair.watcher.clone()),
        };
        run(&own, move |context| context.unlink(&other)).await;
        pair.watched.send(Say::Fail).await.unwrap();
        assert_eq!(incarnations(&pair).await, (0, 1));
        pair.watcher.send(Say::Fail).await.unwrap();
        assert_eq!(incarnations(&pair).await, (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn link_with_an_actor_that_failed_for_good_fails_at_once() {
    let pair = pair(RestartPolicy::Temporary).await;
    pair.watched.send(Say::Fail).await.unwrap();
    pair.watched.closed().await;
    pair.link().await;
    settle().await;
    assert_eq!(pair.watcher.stats().restarts, 1);

    let stopped = start(&pair.system, &pair.log, ChildSpec::new("stopped")).await;
    stopped.stop();
    stopped.closed().await;
    run(&pair.watcher, move |context| context.link(&stopped)).await;
    settle().await;
    assert_eq!(pair.watcher.stats().restarts, 1, "a stop is not a failure");
}

/// The link is with the next incarnation, in both directions.
#[tokio::test(start_paused = true)]
async fn link_with_an_actor_that_waits_for_its_restart_holds_for_both_sides() {
    for watched_fails in [true, false] {
        let config = SupervisorConfig {
            restart_strategy: RestartStrategy::Fixed { delay: SECOND },
            ..SupervisorConfig::default()
        };
        let system = ActorSystem::builder("test").supervisor(config).build();
        let watcher = start(&system, &Log::default(), ChildSpec::new("watcher")).await;
        let watched = start(&system, &Log::default(), ChildSpec::new("watched")).await;
        let pair = Pair { system, log: Log::default(), watcher, watched };
        pair.watched.send(Say::Fail).await.unwrap();
        settle().await;
        assert_eq!(pair.watched.stats().state, ActorState::Restarting);
        pair.link().await;
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!(incarnations(&pair).await, (0, 1), "the end before is not of this link");
        let fails = if watched_fails { &pair.watched } else { &pair.watcher };
        fails.send(Say::Fail).await.unwrap();
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!(incarnations(&pair).await, (1, 2));
    }
}

/// An incarnation that has not begun is not failed: it starts after the failure anyway.
#[tokio::test(start_paused = true)]
async fn failure_before_the_other_side_has_started_does_not_reach_it() {
    let (system, log) = (system(), Log::default());
    let watcher = start(&system, &log, ChildSpec::new("watcher")).await;
    let prepared = system.prepare::<Say>(ChildSpec::new("prepared")).unwrap();
    let other = prepared.actor_ref();
    let linked = other.clone();
    run(&watcher, move |context| context.link(&linked)).await;
    watcher.send(Say::Fail).await.unwrap();
    settle().await;
    let linked = other.clone();
    run(&watcher, move |context| context.link(&linked)).await;
    system.start(prepared, || Script { log: Log::default(), bad_starts: 0 }).await.unwrap();
    settle().await;
    assert_eq!((watcher.stats().restarts, other.stats().restarts), (1, 0));
    watcher.send(Say::Fail).await.unwrap();
    settle().await;
    assert_eq!((watcher.stats().restarts, other.stats().restarts), (2, 1));
}

/// The failure of a linked actor takes effect once the handler has returned, ahead of the mailbox.
#[tokio::test(start_paused = true)]
async fn a_linked_failure_overtakes_the_mailbox() {
    let pair = pair(RestartPolicy::Temporary).await;
    pair.link().await;
    pair.watcher.send(Say::Take(SECOND)).await.unwrap();
    settle().await;
    let log = pair.log.clone();
    let note = move |context: &airssys_rt::ActorContext<Say>| {
        log.note(format!("handled by {}", context.incarnation()));
    };
    pair.watcher.send(Say::Run(Box::new(note))).await.unwrap();
    pair.watched.send(Say::Fail).await.unwrap();
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(pair.log.take(), ["handled by 1"]);
    let stats = pair.watcher.stats();
    assert_eq!((stats.handled, stats.failed), (3, 0), "no message is lost by it");
}

/// Links and monitors of one pair do not get in each other's way.
#[tokio::test(start_paused = true)]
async fn a_monitor_stays_when_the_link_is_gone() {
    let pair = pair(RestartPolicy::Permanent).await;
    pair.monitor().await;
    pair.link().await;
    pair.watched.send(Say::Fail).await.unwrap();
    assert_eq!(incarnations(&pair).await, (1, 1));
    pair.watched.send(Say::Panic).await.unwrap();
    assert_eq!(incarnations(&pair).await, (1, 2));
    let expected =
        ["watched failed: told to fail, restarting", "watched panicked: told to panic, restarting"];
    assert_eq!(pair.log.take(), expected);
}

/// The failure of an actor that a past incarnation was linked with has no effect, and hides no other.
#[tokio::test(start_paused = true)]
async fn link_of_a_past_incarnation_does_not_hide_a_new_one() {
    let pair = pair(RestartPolicy::Temporary).await;
    let other = start(&pair.system, &Log::default(), ChildSpec::new("other")).await;
    pair.link().await;
    // A stop is not a failure: the other side is still linked, with an incarnation that is over.
    pair.watcher.send(Say::Stop).await.unwrap();
    assert_eq!(incarnations(&pair).await, (1, 0));
    let linked = other.clone();
    run(&pair.watcher, move |context| context.link(&linked)).await;
    pair.watcher.send(Say::Take(SECOND)).await.unwrap();
    settle().await;
    pair.watched.send(Say::Fail).await.unwrap();
    pair.watched.closed().await;
    other.send(Say::Fail).await.unwrap();
    assert_eq!(pair.watcher.stats().restarts, 1, "its handler is running");
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(pair.watcher.stats().restarts, 2);
}

#[tokio::test(start_paused = true)]
async fn watchers_of_several_systems_may_have_the_same_number() {
    let one = pair(RestartPolicy::Permanent).await;
    let other = pair(RestartPolicy::Permanent).await;
    assert_eq!(one.watcher.id(), other.watcher.id());
    one.monitor().await;
    for (end, heard) in [(false, 1), (true, 0)] {
        let watched = one.watched.clone();
        run(&other.watcher, move |context| match end {
            false => context.monitor(&watched),
            true => context.demonitor(&watched),
        })
        .await;
        one.watched.send(Say::Fail).await.unwrap();
        settle().await;
        assert_eq!((one.log.take().len(), other.log.take().len()), (1, heard));
    }
}

/// Actors of two systems have the same number, and one actor monitors both.
#[tokio::test(start_paused = true)]
async fn notifications_about_actors_of_several_systems_do_not_replace_each_other() {
    let one = pair(RestartPolicy::Permanent).await;
    let other = pair(RestartPolicy::Permanent).await;
    let both = [one.watched.clone(), other.watched.clone()];
    assert_eq!(both[0].id(), both[1].id());
    let watched = both.clone();
    run(&one.watcher, move |context| watched.iter().for_each(|one| context.monitor(one))).await;
    one.watcher.send(Say::Take(SECOND)).await.unwrap();
    settle().await;
    both.iter().for_each(ActorRef::kill);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(one.log.take().len(), 2);

    // Both have ended for good when they are monitored, and one notification is withdrawn.
    both.iter().for_each(ActorRef::stop);
    settle().await;
    one.log.take();
    run(&one.watcher, move |context| {
        both.iter().for_each(|one| context.monitor(one));
        context.demonitor(&both[0]);
    })
    .await;
    settle().await;
    assert_eq!(one.log.take().len(), 1, "the notification about the other actor stays");
}
