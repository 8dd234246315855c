//! Commands that hurt other components unless the host prevents it, and volleys of requests.

use std::collections::BTreeMap;
use std::future::pending;
use std::hint::black_box;
use std::pin::pin;
use std::time::{Duration, Instant};

use airssys_sdk::RequestError;
use airssys_sdk::prelude::*;
use futures_util::future::join_all;
use test_commands::{Answer, Command, Volley};

use crate::exchange::poll_once;
use crate::{delivery, ledger};

pub(crate) async fn run(command: Command, context: &Context) -> Result<Answer, Rejection> {
    match command {
        Command::MemoryBomb => {
            let mut kept = Vec::new();
            loop {
                kept.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        Command::LogForever(text) => loop {
            log::info!("{text}");
        },
        Command::FloodForever { to, command } => loop {
            drop(context.try_send(&to, &*command));
        },
        Command::FloodItself(rounds) => {
            crate::harm::work(rounds);
            let myself = context.identity().name.clone();
            for _ in 0..2 {
                // A full mailbox refuses it, and has enough.
                drop(context.try_send(&myself, &Command::FloodItself(rounds)));
            }
            Ok(Ok(String::new()))
        }
        Command::SendAndSpin { to, command } => {
            context.send(&to, &*command).await?;
            loop {
                black_box(());
            }
        }
        Command::RequestAndStall { to, command, times, timeout_ms } => {
            let timeout = Duration::from_millis(timeout_ms);
            let mut requests: Vec<_> = (0..times)
                .map(|_| Box::pin(context.request::<Answer>(&to, &*command).timeout(timeout)))
                .collect();
            for request in &mut requests {
                poll_once(request.as_mut()).await;
            }
            pending().await
        }
        Command::Volley(volley) => Ok(fire(&volley, context).await),
        Command::Act(actions) => {
            ledger::act(actions, context).await;
            Ok(Ok("acted".to_owned()))
        }
        other => delivery::run(other, context).await,
    }
}

/// Does this many rounds of work. Replies with the time that the message waited and took.
pub(crate) fn rounds(count: u32, message: &Message) -> String {
    let began = Instant::now();
    crate::harm::work(count);
    format!("{} {}", message.waited().as_nanos(), began.elapsed().as_nanos())
}

async fn fire(volley: &Volley, context: &Context) -> Answer {
    let mut came: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut seed, mut left) = (volley.seed, volley.requests);
    while left > 0 {
        let group = left.min(volley.at_once).max(1);
        left -= group;
        let requests = (0..group).map(|_| request(&volley.to, context, draw(&mut seed)));
        for outcome in join_all(requests).await {
            *came.entry(outcome).or_default() += 1;
        }
    }
    Ok(came.iter().map(|(outcome, count)| format!("{outcome}={count} ")).collect())
}

/// Sends a request whose fate a random number decides. Returns its result.
async fn request(to: &str, context: &Context, lot: u64) -> &'static str {
    let command = match lot % 512 {
        0 => Command::Panic("by lot".to_owned()),
        1..16 => Command::Reject("by lot".to_owned()),
        16..32 => Command::Retry("by lot".to_owned()),
        _ => Command::Echo("x".to_owned()),
    };
    let timeout = match (lot >> 16) % 16 {
        milliseconds @ 1..=3 => Duration::from_millis(milliseconds),
        _ => Duration::from_secs(60),
    };
    let mut request = pin!(context.request::<Answer>(to, &command).timeout(timeout));
    if (lot >> 32).is_multiple_of(16) {
        return match poll_once(request.as_mut()).await {
            true => "refused",
            false => "cancelled",
        };
    }
    match request.await {
        Ok(_) => "replied",
        Err(RequestError::TimedOut { .. }) => "timed-out",
        Err(RequestError::Rejected { .. }) => "rejected",
        Err(RequestError::TargetFailed { .. }) => "failed",
        Err(RequestError::TargetStopped { .. }) => "stopped",
        Err(RequestError::Send { .. }) => "refused",
        Err(_) => "other",
    }
}

/// The next random number (SplitMix64).
fn draw(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
