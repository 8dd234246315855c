//! The orders of the benches.

use airssys_sdk::codec::Raw;
use airssys_sdk::prelude::*;
use futures_util::future::join_all;
use test_commands::bench::{FIRST, Order, Reading};

use crate::Bench;

impl Bench {
    pub(crate) async fn obey(
        &mut self,
        order: Order,
        message: &Message,
        context: &Context,
    ) -> Result<Reply, Rejection> {
        match order {
            Order::Send { to, times } => {
                for number in 0..times {
                    context.send(&to, &Reading::new(number)).await?;
                }
            }
            Order::SendBatch { to, times, at_once } => {
                let mut next = 0;
                while next < times {
                    let end = times.min(next + at_once.max(1));
                    let readings: Vec<_> = (next..end).map(Reading::new).collect();
                    context.send_batch(&to, &readings).await?;
                    next = end;
                }
            }
            Order::SendRaw { to, times, bytes } => {
                let body = vec![b'x'; bytes];
                for _ in 0..times {
                    context.send(&to, Raw(&body)).await?;
                }
            }
            Order::Round { prefix, components, in_a_row, times } => {
                self.round(&prefix, components, in_a_row, times, context).await?;
            }
            Order::Publish { topic, times } => {
                for number in 0..times {
                    context.publish(&topic, &Reading::new(number)).await?;
                }
            }
            Order::Ask { to, times, at_once } => {
                let lanes =
                    (0..at_once).map(|lane| ask(&to, (lane..times).step_by(at_once as usize), context));
                for lane in join_all(lanes).await {
                    self.counted.replies += lane?;
                }
            }
            Order::Time { to, times } => return self.time(&to, times, message, context).await,
            Order::Count => return Ok(message.reply(&self.counted)?),
            Order::Panic => panic!("as it was told"),
        }
        Ok(Reply::none())
    }

    async fn round(
        &mut self,
        prefix: &str,
        components: u32,
        in_a_row: u32,
        times: u32,
        context: &Context,
    ) -> Result<(), Rejection> {
        if self.names.len() != components as usize || !self.names.iter().all(|name| name.starts_with(prefix))
        {
            self.names = (0..components).map(|number| format!("{prefix}-{number}")).collect();
        }
        for number in 0..times {
            for name in &self.names {
                for _ in 0..in_a_row {
                    context.send(name, &Reading::new(number)).await?;
                }
            }
        }
        Ok(())
    }

    async fn time(
        &mut self,
        to: &str,
        times: u32,
        message: &Message,
        context: &Context,
    ) -> Result<Reply, Rejection> {
        let mut took = Vec::with_capacity(times as usize);
        for number in 0..times {
            let began = context.monotonic();
            self.counted.replies += ask(to, number..=number, context).await?;
            took.push((context.monotonic() - began).as_nanos() as u64);
        }
        Ok(message.reply(&took)?)
    }
}

/// Sends a request for each number, one after the other. Returns the number of replies.
async fn ask(to: &str, numbers: impl IntoIterator<Item = u32>, context: &Context) -> Result<u64, Rejection> {
    let mut replies = 0;
    for number in numbers {
        let reply: Reading = context.request(to, &Reading::new(number)).await?;
        if reply.number != FIRST + number {
            return Err(Rejection::from(format!("the reply to {number} is {}", reply.number)));
        }
        replies += 1;
    }
    Ok(replies)
}
