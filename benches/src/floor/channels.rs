//! The same exchanges between tasks of tokio, through bounded channels.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::Group;
use crate::{bench_on, must, workers};

/// Messages that a channel holds, as many as a mailbox of a component.
const BOUND: usize = 1_024;

type Body = [u8; 64];

/// 64 bytes from so many senders to a receiver each, on two workers: the time of one message.
pub fn tokio_mpsc(group: &mut Group<'_>, pairs: u64) {
    bench(group, "floor_tokio_mpsc", |messages| send(pairs, messages));
}

/// A request and its reply through a channel and a oneshot, so many under way: the time of one.
pub fn tokio_oneshot(group: &mut Group<'_>, under_way: u64) {
    bench(group, "floor_tokio_oneshot", |requests| ask(under_way, requests));
}

/// 64 bytes to each of so many receivers: the time of one such publication.
pub fn tokio_fan_out(group: &mut Group<'_>, receivers: usize) {
    bench(group, "floor_tokio_mpsc", |publications| publish(receivers, publications));
}

/// So many pairs of tasks that bounce eight messages each: the time of one way.
pub fn tokio_bouncing(group: &mut Group<'_>, pairs: u64) {
    bench(group, "floor_tokio_mpsc", |hops| bounce(pairs, hops));
}

fn bench<F: Future<Output = Duration> + Send + 'static>(
    group: &mut Group<'_>,
    name: &str,
    run: impl Fn(u64) -> F,
) {
    bench_on(
        group,
        name,
        || workers(2),
        |runtime, iterations| must(runtime.block_on(runtime.spawn(run(iterations)))),
    );
}

async fn send(pairs: u64, messages: u64) -> Duration {
    let each = messages.div_ceil(pairs);
    let began = Instant::now();
    let mut counting = Vec::new();
    for _ in 0..pairs {
        let (sender, receiver) = mpsc::channel::<Body>(BOUND);
        counting.push(tokio::spawn(count(receiver)));
        tokio::spawn(async move {
            for _ in 0..each {
                must(sender.send([7; 64]).await);
            }
        });
    }
    let mut counted = 0;
    for one in counting {
        counted += must(one.await);
    }
    assert_eq!(counted, each * pairs, "messages were lost");
    share(began.elapsed(), messages, counted)
}

async fn count(mut receiver: mpsc::Receiver<Body>) -> u64 {
    let mut count = 0;
    while let Some(body) = receiver.recv().await {
        count += u64::from(black_box(body)[0] == 7);
    }
    count
}

async fn ask(under_way: u64, requests: u64) -> Duration {
    let (sender, mut receiver) = mpsc::channel::<(Body, oneshot::Sender<Body>)>(BOUND);
    tokio::spawn(async move {
        while let Some((body, reply)) = receiver.recv().await {
            assert!(reply.send(black_box(body)).is_ok(), "nobody waits");
        }
    });
    let each = requests.div_ceil(under_way);
    let began = Instant::now();
    let mut lanes = Vec::new();
    for _ in 0..under_way {
        let sender = sender.clone();
        lanes.push(tokio::spawn(async move {
            for _ in 0..each {
                let (reply, waiter) = oneshot::channel();
                must(sender.send(([7; 64], reply)).await);
                assert_eq!(must(waiter.await)[0], 7);
            }
        }));
    }
    for lane in lanes {
        must(lane.await);
    }
    share(began.elapsed(), requests, each * under_way)
}

async fn publish(receivers: usize, publications: u64) -> Duration {
    let began = Instant::now();
    let (mut senders, mut counting) = (Vec::new(), Vec::new());
    for _ in 0..receivers {
        let (sender, receiver) = mpsc::channel::<Body>(BOUND);
        senders.push(sender);
        counting.push(tokio::spawn(count(receiver)));
    }
    for _ in 0..publications {
        for sender in &senders {
            must(sender.send([7; 64]).await);
        }
    }
    drop(senders);
    for one in counting {
        assert_eq!(must(one.await), publications, "messages were lost");
    }
    began.elapsed()
}

async fn bounce(pairs: u64, hops: u64) -> Duration {
    const IN_FLIGHT: u64 = 8;
    let each = hops.div_ceil(pairs * IN_FLIGHT).max(1);
    let (done, mut all_done) = mpsc::channel::<()>(1);
    let mut firsts = Vec::new();
    for _ in 0..pairs {
        let (left, at_left) = mpsc::channel::<(u64, Body)>(BOUND);
        let (right, at_right) = mpsc::channel(BOUND);
        firsts.push(left.clone());
        tokio::spawn(hop(at_left, right, done.clone()));
        tokio::spawn(hop(at_right, left, done.clone()));
    }
    drop(done);
    let began = Instant::now();
    for first in firsts {
        for _ in 0..IN_FLIGHT {
            must(first.send((each, [7; 64])).await);
        }
    }
    assert!(all_done.recv().await.is_none(), "every task has ended");
    share(began.elapsed(), hops, each * pairs * IN_FLIGHT)
}

/// Hands on what comes until it has come as often as it says; ends when as many have ended as are in
/// flight, or the other side has.
async fn hop(mut from: mpsc::Receiver<(u64, Body)>, to: mpsc::Sender<(u64, Body)>, _done: mpsc::Sender<()>) {
    const IN_FLIGHT: u64 = 8;
    let mut ended = 0;
    while ended < IN_FLIGHT {
        let Some((left, body)) = from.recv().await else { return };
        if left > 1 {
            // The other side has ended when this was the last.
            let _ = to.send((left - 1, black_box(body))).await;
        } else {
            ended += 1;
        }
    }
}

/// Of the time that more took than were asked for, what those take that were.
pub fn share(took: Duration, asked: u64, done: u64) -> Duration {
    took.mul_f64(asked as f64 / done.max(1) as f64)
}
