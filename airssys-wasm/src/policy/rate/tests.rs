//! Tests of the token bucket, with times that the tests choose.

use std::sync::Barrier;

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn rate() -> impl Strategy<Value = Rate> {
    let per_second = prop_oneof![1..10_u64, 1..10_000_u64, 1..2_000_000_000_u64];
    let burst = prop_oneof![1..4_u64, 1..2_000_u64, 1..50_000_000_u64];
    (per_second, burst).prop_map(|(per_second, burst)| Rate { per_second, burst })
}

/// A step: the time that passes, in parts of one token's time, and the tokens that are then wanted.
fn step() -> impl Strategy<Value = (u64, u64)> {
    let wait = prop_oneof![3 => Just(0_u64), 3 => 1..300_u64, 1 => 1..100_000_u64];
    let wanted = prop_oneof![4 => Just(1_u64), 2 => 0..20_u64, 1 => 0..100_000_u64];
    (wait, wanted)
}

/// Returns the most tokens that may be handed out within `ns` nanoseconds.
fn allowed(rate: Rate, ns: u64) -> u128 {
    u128::from(rate.burst) + u128::from(rate.per_second) * u128::from(ns) / u128::from(SECOND)
}

proptest! {
    #[test]
    fn no_period_gets_more_than_the_burst_and_its_share_of_the_rate(
        rate in rate(),
        begin in prop_oneof![Just(0_u64), 0..u64::MAX],
        steps in prop::collection::vec((step(), any::<bool>()), 1..80),
    ) {
        let bucket = Bucket::new(rate);
        // The time can start anywhere, also just before it wraps around.
        bucket.full_at.store(begin.wrapping_mul(PARTS_PER_NS), Ordering::Relaxed);
        let mut now = 0_u64;
        let mut handed = Vec::new();
        for ((wait, wanted), back) in steps {
            now += wait * (SECOND / rate.per_second).max(100) / 100;
            let at = begin.wrapping_add(now);
            let left = bucket.left(at);
            match bucket.take(wanted, at) {
                Some(taken) if back && wanted > 0 => {
                    bucket.put_back(taken);
                    prop_assert_eq!(bucket.left(at), left);
                }
                Some(_) => {
                    prop_assert!(wanted <= left);
                    handed.push((now, wanted));
                }
                None => prop_assert!(wanted > left),
            }
        }
        for (first, (from, _)) in handed.iter().enumerate() {
            let mut sum = 0_u128;
            for (to, tokens) in &handed[first..] {
                sum += u128::from(*tokens);
                prop_assert!(sum <= allowed(rate, to - from), "{} in {} ns of {:?}", sum, to - from, rate);
            }
        }
    }

    #[test]
    fn an_emptied_bucket_refills_at_its_rate(
        rate in rate(),
        waits in prop::collection::vec(1..100_u64, 1..50),
    ) {
        // The burst has room for the rest of a token and for the tokens of ten waits.
        let rate = Rate { per_second: rate.per_second.min(SECOND), burst: rate.burst.max(11) };
        let bucket = Bucket::new(rate);
        // An emptied bucket never fills here, so only the rounding to a 64th of a ns loses time.
        prop_assert!(bucket.take(rate.burst, 0).is_some());
        let (mut now, mut given) = (0, 0_u64);
        for wait in waits {
            now += wait * (SECOND / rate.per_second).max(1) * rate.burst.min(10) / 100;
            let left = bucket.left(now);
            prop_assert!(bucket.take(left, now).is_some());
            given += left;
        }
        let token_ns = bucket.token as f64 / PARTS_PER_NS as f64;
        prop_assert!(given as f64 + 1.001 >= now as f64 / token_ns, "{} in {} ns of {:?}", given, now, rate);
        let slower = token_ns * rate.per_second as f64 / SECOND as f64;
        prop_assert!(slower < 1.0 + rate.per_second as f64 / (PARTS_PER_NS * SECOND) as f64);
    }
}

#[test]
fn a_full_bucket_gives_the_burst_and_never_more() {
    for rate in [Rate { per_second: 3, burst: 10 }, Rate { per_second: 1_000_000, burst: 1 }] {
        let bucket = Bucket::new(rate);
        let takes = |now| (0..20_000_000).take_while(|_| bucket.take(1, now).is_some()).count() as u64;
        assert_eq!((takes(0), takes(0)), (rate.burst, 0));
        // A full bucket gains nothing.
        assert_eq!(takes(100 * SECOND), rate.burst);
        assert!(bucket.take(rate.burst + 1, 1_000 * SECOND).is_none());
    }
}

#[test]
fn many_threads_get_no_more_tokens_than_one_thread_would() {
    const THREADS: u64 = 4;
    let rate = Rate { per_second: 1_000_000, burst: 1_000 };
    let (bucket, clock) = (Bucket::new(rate), AtomicU64::new(0));
    let barrier = Barrier::new(THREADS as usize);
    let taken: u64 = std::thread::scope(|scope| {
        let taker = |number: u64| {
            let (bucket, clock, barrier) = (&bucket, &clock, &barrier);
            move || {
                barrier.wait();
                let mut taken = 0;
                for round in 0..50_000_u64 {
                    // Each thread advances the time, and sometimes puts its tokens back.
                    let now = clock.fetch_add(10, Ordering::AcqRel);
                    match bucket.take(1 + round % 3, now) {
                        Some(tokens) if (round + number).is_multiple_of(5) => bucket.put_back(tokens),
                        Some(_) => taken += 1 + round % 3,
                        None => {}
                    }
                }
                taken
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(taker(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let elapsed = clock.load(Ordering::Acquire);
    assert!(u128::from(taken) <= allowed(rate, elapsed), "{taken} in {elapsed} ns");
    // While no time passes, exactly the burst is handed out.
    let bucket = Bucket::new(rate);
    let taken: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| (0..1_000).filter(|_| bucket.take(1, 7).is_some()).count()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(taken, 1_000);
}
