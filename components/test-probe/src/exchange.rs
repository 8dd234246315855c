//! Messages to other components.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use airssys_sdk::codec::Encoded;
use airssys_sdk::prelude::*;
use futures_util::future::join_all;
use test_commands::{Answer, Command};

use crate::{delivery, topics};

pub(crate) async fn run(command: Command, context: &Context) -> Result<Answer, Rejection> {
    Ok(match command {
        Command::Send { to, command, times } => {
            for _ in 0..times {
                context.send(&to, &*command).await?;
            }
            Ok(format!("sent {times}"))
        }
        Command::TrySend { to, command, times } => try_send(context, &to, &command, times),

        Command::SendBytes { to, codec, bytes } => {
            let body = vec![b'x'; bytes];
            let sent = context.send(&to, Encoded(self::codec(&codec)?, body)).await;
            sent.map(|()| "sent".to_owned()).map_err(|error| error.to_string())
        }
        Command::Request { to, command, timeout_ms } => {
            let timeout = Duration::from_millis(timeout_ms);
            request(context.request::<Answer>(&to, &*command).timeout(timeout).await)
        }
        Command::RequestWithId { to } => {
            let mut asked = pin!(context.request::<Answer>(&to, &Command::RequestId));
            let mut id = None;
            let answer = poll_fn(|task| {
                let polled = asked.as_mut().poll(task);
                id = id.or(asked.id());
                polled
            })
            .await;
            request(answer).map(|reply| format!("{} {reply}", id.unwrap_or_default()))
        }
        Command::RequestAll { to, command, times } => {
            let requests = (0..times).map(|_| context.request::<Answer>(&to, &*command));
            let replies = join_all(requests).await;
            let failed = replies.iter().find_map(|reply| reply.as_ref().err());
            match failed {
                Some(error) => Err(error.to_string()),
                None => Ok(format!("{} replies", replies.len())),
            }
        }
        Command::RequestTwice { to, first, second } => {
            drop(context.request::<Answer>(&to, &*first));
            request(context.request::<Answer>(&to, &*second).await)
        }
        Command::WorkBetween { to, rounds, times } => {
            for _ in 0..times {
                crate::harm::work(rounds);
                context
                    .request::<Answer>(&to, &Command::Echo(String::new()))
                    .await?
                    .map_err(Rejection::from)?;
            }
            Ok("worked".to_owned())
        }
        Command::CancelForever { to } => loop {
            let tally = Command::Tally(String::new());
            poll_once(pin!(context.request::<Answer>(&to, &tally))).await;
            drop(context.request::<Answer>(&to, &tally).await);
        },
        Command::AskAndPanic { to, command } => {
            let answered = poll_once(pin!(context.request::<Answer>(&to, &*command))).await;
            panic!("asked; answered already: {answered}");
        }
        Command::ResolveMany(count) => resolve_many(context, count),
        other => topics::run(other, context).await?,
    })
}

/// Polls a future once. Returns true if it has ended.
pub(crate) async fn poll_once(mut future: Pin<&mut impl Future>) -> bool {
    poll_fn(|waker| Poll::Ready(future.as_mut().poll(waker).is_ready())).await
}

/// The codec with this name.
pub(crate) fn codec(name: &str) -> Result<Codec, Rejection> {
    name.parse().map_err(|_| Rejection::from(format!("`{name}` is not a codec")))
}

fn try_send(context: &Context, to: &str, command: &Command, times: u32) -> Answer {
    for sent in 0..times {
        if let Err(error) = context.try_send(to, command) {
            return Err(format!("after {sent}: {error}"));
        }
    }
    Ok(format!("sent {times}"))
}

fn resolve_many(context: &Context, count: u32) -> Answer {
    for number in 1..=count {
        let topic = format!("many.{number}");
        // Publishing makes a route, with or without subscribers.
        let published = futures_util::FutureExt::now_or_never(context.publish(&topic, ""));
        if let Some(Err(error)) = published {
            return Err(format!("at {number}: {error}"));
        }
    }
    Ok(format!("resolved {count}"))
}

fn request(reply: Result<Answer, airssys_sdk::RequestError>) -> Answer {
    match reply {
        Ok(answer) => answer,
        Err(error) => Err(delivery::text(&error)),
    }
}
