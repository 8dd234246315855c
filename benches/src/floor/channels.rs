//! The same exchanges between tasks of tokio, through bounded channels.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::Group;
use crate::{bench_on, must, workers};

/// Capacity of a channel, the same as that of a component's mailbox.
const BOUND: usize = 1_024;

type Body = [u8; 64];

/// Sends 64 bytes from each of `pairs` senders to its receiver, on two workers. Measures the time
/// of one message.
pub fn tokio_mpsc(group: &mut Group<'_>, pairs: u64) {
    bench(group, "floor_tokio_mpsc", |messages| send(pairs, messages));
}

/// Sends requests through a channel and replies through a oneshot, `in_flight` at a time.
/// Measures the time of one request.
pub fn tokio_oneshot(group: &mut Group<'_>, in_flight: u64) {
    bench(group, "floor_tokio_oneshot", |requests| ask(in_flight, requests));
}

/// Sends 64 bytes to each of `receivers` receivers. Measures the time of one such publication.
pub fn tokio_fan_out(group: &mut Group<'_>, receivers: usize) {
    bench(group, "floor_tokio_mpsc", |publications| publish(receivers, publications));
}

/// Bounces eight messages between each of `pairs` pairs of tasks. Measures the time of one hop.
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

async fn ask(in_flight: u64, requests: u64) -> Duration {
    let (sender, mut receiver) = mpsc::channel::<(Body, oneshot::Sender<Body>)>(BOUND);
    tokio::spawn(async move {
        while let Some((body, reply)) = receiver.recv().await {
            assert!(reply.send(black_box(body)).is_ok(), "the requester has gone");
        }
    });
    let each = requests.div_ceil(in_flight);
    let began = Instant::now();
    let mut lanes = Vec::new();
    for _ in 0..in_flight {
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
    share(began.elapsed(), requests, each * in_flight)
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
    assert!(all_done.recv().await.is_none(), "a task is still running");
    share(began.elapsed(), hops, each * pairs * IN_FLIGHT)
}

/// Passes on each message until its count is used up. The task ends after all in-flight messages of
/// its pair have ended here, or after the other side has ended.
async fn hop(mut from: mpsc::Receiver<(u64, Body)>, to: mpsc::Sender<(u64, Body)>, _done: mpsc::Sender<()>) {
    const IN_FLIGHT: u64 = 8;
    let mut ended = 0;
    while ended < IN_FLIGHT {
        let Some((left, body)) = from.recv().await else { return };
        if left > 1 {
            // The send fails if the other side has ended after its last message.
            let _ = to.send((left - 1, black_box(body))).await;
        } else {
            ended += 1;
        }
    }
}

/// Returns the time of `asked` operations out of the time that `done` operations took.
pub fn share(took: Duration, asked: u64, done: u64) -> Duration {
    took.mul_f64(asked as f64 / done.max(1) as f64)
}
