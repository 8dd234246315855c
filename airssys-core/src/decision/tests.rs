use std::sync::Arc;

use super::*;
use crate::{RestartStrategy, SupervisorFailure};

const SECOND: Duration = Duration::from_secs(1);

fn exits() -> [ExitReason; 7] {
    let failure = SupervisorFailure::new("child".into(), ExitReason::Killed, 3, 5 * SECOND);
    [
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::Error(Arc::new(std::fmt::Error)),
        ExitReason::Panic("boom".into()),
        ExitReason::Killed,
        ExitReason::Escalated(Arc::new(failure)),
        ExitReason::Restart,
    ]
}

use RestartPolicy::{Permanent, Temporary, Transient};

/// Restarted after: Normal, Shutdown, Error, Panic, Killed, Escalated, Restart.
const RESTARTED: [(RestartPolicy, [bool; 7]); 3] = [
    (Permanent, [true, true, true, true, true, true, true]),
    (Transient, [false, false, true, true, true, true, true]),
    (Temporary, [false, false, false, false, false, false, false]),
];

/// Kept when a supervisor stops the child for a restart, after: Normal, Shutdown, Error, Panic, Killed,
/// Escalated, Restart.
const KEPT: [(RestartPolicy, [bool; 7]); 3] = [
    (Permanent, [true, true, true, true, true, true, true]),
    (Transient, [false, true, true, true, true, true, true]),
    (Temporary, [false, false, false, false, false, false, false]),
];

const SCOPES: [(SupervisionStrategy, Scope); 3] = [
    (SupervisionStrategy::OneForOne, Scope::One),
    (SupervisionStrategy::OneForAll, Scope::All),
    (SupervisionStrategy::RestForOne, Scope::Rest),
];

/// The decision about a child that was told to restart, whatever its supervisor does otherwise.
const AT_ONCE: Decision = Decision::Restart { scope: Scope::One, after: Duration::ZERO };

const LIMITS: [(OnLimit, Decision); 3] = [
    (OnLimit::Escalate, Decision::GiveUp),
    (OnLimit::Quarantine, Decision::Quarantine),
    (OnLimit::End, Decision::End),
];

fn ended(policy: RestartPolicy, exit: &ExitReason, now: Instant) -> EndedChild<'_> {
    EndedChild {
        cause: EndCause::Own,
        policy,
        significant: false,
        others_significant: 0,
        on_limit: OnLimit::Escalate,
        counts: true,
        asked: matches!(exit, ExitReason::Restart),
        exit,
        attempt: 0,
        random: 0.0,
        now,
    }
}

#[test]
fn every_strategy_policy_and_exit() {
    let start = Instant::now();
    for (strategy, scope) in SCOPES {
        for (policy, expected) in RESTARTED {
            for (exit, restarted) in exits().iter().zip(expected) {
                for max_restarts in [0, 1, 2, 3, u32::MAX] {
                    let config = SupervisorConfig {
                        strategy,
                        max_restarts,
                        within_duration: 5 * SECOND,
                        restart_strategy: RestartStrategy::Fixed { delay: SECOND },
                        ..SupervisorConfig::default()
                    };
                    let mut window = RestartWindow::new();
                    for before in 0..5 {
                        for (on_limit, too_many) in LIMITS {
                            let expected = match restarted {
                                false => Decision::Remove,
                                true if matches!(exit, ExitReason::Restart) => AT_ONCE,
                                true if before >= max_restarts => too_many,
                                true => Decision::Restart { scope, after: SECOND },
                            };
                            let child = EndedChild { on_limit, ..ended(policy, exit, start) };
                            let case = format!(
                                "{strategy:?} {policy:?} {on_limit:?} {exit} {before}/{max_restarts}"
                            );
                            assert_eq!(decide(&config, &window, &child), expected, "{case}");
                        }
                        window.record(0, start, &config);
                    }
                }
            }
        }
    }
}

/// Neither the strategy nor the window nor significance matters to a child that its supervisor stops.
#[test]
fn every_policy_and_exit_of_a_stopped_child() {
    let now = Instant::now();
    for (strategy, _) in SCOPES {
        for auto_shutdown in [AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant]
        {
            for max_restarts in [0, 3, u32::MAX] {
                let config =
                    SupervisorConfig { strategy, auto_shutdown, max_restarts, ..SupervisorConfig::default() };
                for (policy, kept) in KEPT {
                    for (exit, kept) in exits().iter().zip(kept) {
                        for significant in [false, true] {
                            let stopped = |cause| {
                                let child = EndedChild { cause, significant, ..ended(policy, exit, now) };
                                decide(&config, &RestartWindow::new(), &child)
                            };
                            let expected = if kept { Decision::Keep } else { Decision::Remove };
                            assert_eq!(stopped(EndCause::GroupRestart), expected, "{policy:?} {exit}");
                            assert_eq!(stopped(EndCause::ForGood), Decision::Remove, "{policy:?} {exit}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn every_auto_shutdown_and_significance() {
    use AutoShutdown::{AllSignificant, AnySignificant, Never};
    // Ends the supervisor: not significant; significant with another left; the last significant.
    let table = [
        (Never, [false, false, false]),
        (AnySignificant, [false, true, true]),
        (AllSignificant, [false, false, true]),
    ];
    let now = Instant::now();
    for (auto_shutdown, expected) in table {
        let config = SupervisorConfig { auto_shutdown, ..SupervisorConfig::default() };
        let cases = [(false, 0), (true, 1), (true, 0)];
        for ((significant, others_significant), ends) in cases.into_iter().zip(expected) {
            for (policy, restarted) in RESTARTED {
                for (exit, restarted) in exits().iter().zip(restarted) {
                    let child = EndedChild { significant, others_significant, ..ended(policy, exit, now) };
                    let found = decide(&config, &RestartWindow::new(), &child);
                    let fits = match found {
                        Decision::Restart { scope, .. } => restarted && scope == Scope::One,
                        Decision::ShutDown => !restarted && ends,
                        Decision::Remove => !restarted && !ends,
                        _ => false,
                    };
                    assert!(fits, "{auto_shutdown:?} {significant} {policy:?} {exit}: {found:?}");

                    let config = SupervisorConfig { max_restarts: 0, ..config };
                    let child = EndedChild { on_limit: OnLimit::End, ..child };
                    let expected = match (ends, restarted) {
                        (_, true) if matches!(exit, ExitReason::Restart) => AT_ONCE,
                        (true, _) => Decision::ShutDown,
                        (false, true) => Decision::End,
                        (false, false) => Decision::Remove,
                    };
                    let found = decide(&config, &RestartWindow::new(), &child);
                    assert_eq!(found, expected, "an end after too many restarts counts as one: {exit}");
                }
            }
        }
    }
}

#[test]
fn the_window_slides() {
    let start = Instant::now();
    let config = SupervisorConfig { within_duration: 5 * SECOND, ..SupervisorConfig::default() };
    let mut window = RestartWindow::new();
    for second in [0, 1, 2] {
        window.record(0, start + second * SECOND, &config);
    }
    for (second, expected) in [(2, 3), (4, 3), (5, 2), (6, 1), (7, 0), (100, 0)] {
        assert_eq!(window.count(start + second * SECOND, 5 * SECOND), expected, "at {second} s");
    }
    window.record(0, start + 100 * SECOND, &config);
    assert_eq!(window.restarts.len(), 1, "old restarts are forgotten");

    window.record(1, start + 100 * SECOND, &config);
    window.forget(0);
    assert_eq!(window.count(start + 100 * SECOND, 5 * SECOND), 1, "that of the other child counts");

    let unlimited = SupervisorConfig { max_restarts: u32::MAX, ..config };
    window.record(0, start + 100 * SECOND, &unlimited);
    assert_eq!(window.restarts.len(), 1, "without a limit nothing is kept");
}

fn backoff(multiplier: f64, jitter: f64) -> RestartStrategy {
    RestartStrategy::ExponentialBackoff { initial_delay: SECOND, max_delay: 8 * SECOND, multiplier, jitter }
}

#[test]
fn attempts_set_the_delay() {
    let config = SupervisorConfig::default();
    let window = RestartWindow::new();
    let after = |attempt, random| {
        let child = EndedChild { attempt, random, ..ended(Permanent, &ExitReason::Normal, Instant::now()) };
        decide(&config, &window, &child)
    };
    let restart = |millis| Decision::Restart { scope: Scope::One, after: Duration::from_millis(millis) };
    for (attempt, millis) in [(0, 10), (1, 20), (2, 40), (6, 640), (7, 1000), (u32::MAX, 1000)] {
        assert_eq!(after(attempt, 0.0), restart(millis));
        assert_eq!(after(attempt, 1.0), restart(millis * 9 / 10), "by default up to a tenth off");
    }
}

#[test]
fn odd_multipliers_never_shorten_or_panic() {
    for multiplier in [f64::NAN, 0.0, -3.0, 0.5] {
        assert_eq!(backoff(multiplier, 0.0).delay(5, 0.5), SECOND, "{multiplier}");
    }
    let endless = backoff(f64::INFINITY, 0.0);
    assert_eq!((endless.delay(0, 0.0), endless.delay(1, 0.0)), (SECOND, 8 * SECOND));
}

#[test]
fn jitter_shortens_by_its_share_and_never_lengthens() {
    for (jitter, random, expected) in [
        (0.5, 0.0, 4 * SECOND),
        (0.5, 0.5, 3 * SECOND),
        (0.5, 1.0, 2 * SECOND),
        (1.0, 1.0, Duration::ZERO),
        (7.0, 1.0, Duration::ZERO),
        (-1.0, 1.0, 4 * SECOND),
        (f64::NAN, 1.0, 4 * SECOND),
        (f64::INFINITY, 0.0, 4 * SECOND),
    ] {
        assert_eq!(backoff(2.0, jitter).delay(2, random), expected, "{jitter} {random}");
    }
}

#[test]
fn end_that_does_not_count_is_within_every_limit() {
    let config = SupervisorConfig {
        max_restarts: 0,
        restart_strategy: RestartStrategy::Fixed { delay: SECOND },
        ..SupervisorConfig::default()
    };
    for (on_limit, decision) in LIMITS {
        let child = EndedChild { on_limit, ..ended(Permanent, &ExitReason::Killed, Instant::now()) };
        assert_eq!(decide(&config, &RestartWindow::new(), &child), decision);
        let restart = Decision::Restart { scope: Scope::One, after: SECOND };
        let excused = EndedChild { counts: false, ..child };
        assert_eq!(decide(&config, &RestartWindow::new(), &excused), restart);
    }
}

#[test]
fn restart_that_was_asked_for_before_the_start_counts_like_a_failure() {
    let config = SupervisorConfig {
        max_restarts: 1,
        restart_strategy: RestartStrategy::Fixed { delay: SECOND },
        ..SupervisorConfig::default()
    };
    let now = Instant::now();
    for (policy, returns) in [(Permanent, true), (Transient, true), (Temporary, false)] {
        for (on_limit, too_many) in LIMITS {
            let asked = EndedChild { on_limit, ..ended(policy, &ExitReason::Restart, now) };
            let early = EndedChild { asked: false, ..asked };
            let mut window = RestartWindow::new();
            let or_removed = |decision| if returns { decision } else { Decision::Remove };
            let delayed = Decision::Restart { scope: Scope::One, after: SECOND };
            assert_eq!(decide(&config, &window, &early), or_removed(delayed));
            window.record(0, now, &config);
            assert_eq!(decide(&config, &window, &early), or_removed(too_many));
            assert_eq!(decide(&config, &window, &asked), or_removed(AT_ONCE), "it is within every limit");
        }
    }
}
