//! Goes through all ways of messaging, and tells the ledger the result of each.

use std::time::Duration;

use airssys_sdk::prelude::*;
use airssys_sdk::{RequestError, SendError};
use serde::{Deserialize, Serialize};

use crate::courier::Delivery;
use crate::ledger::Entry;
use crate::mail::Letter;
use crate::stock::Take;

/// The messages to the customer.
#[derive(Serialize, Deserialize)]
pub(crate) enum Ask {
    /// Go shopping.
    Shop,
    /// Fill the mailbox. The last one stops the customer.
    Fill { last: bool },
    /// Say whether you are at home.
    AtHome,
}

pub(crate) struct Customer;

impl Customer {
    /// Sends itself a message, so that it begins when it has started.
    pub(crate) fn start(context: &Context) -> Result<Customer, StartError> {
        context.try_send(&context.identity().name, &Ask::Shop)?;
        Ok(Customer)
    }

    pub(crate) async fn handle(&self, message: &Message, context: &Context) -> Result<Reply, Rejection> {
        match message.decode()? {
            Ask::Shop => shop(context).await?,
            Ask::Fill { last: true } => context.stop(),
            Ask::Fill { last: false } => {}
            Ask::AtHome => return Ok(message.reply(&true)?),
        }
        Ok(Reply::none())
    }
}

async fn shop(context: &Context) -> Result<(), Rejection> {
    tell(context, "fire and forget", fire_and_forget(context).await?).await?;
    tell(context, "request", request(context).await?).await?;
    tell(context, "several requests", several_requests(context).await?).await?;
    tell(context, "a request that is rejected", rejected(context).await?).await?;
    tell(context, "publish", publish(context).await?).await?;
    tell(context, "retained message", retained(context).await?).await?;
    tell(context, "a batch to a pool", pool(context).await?).await?;
    tell(context, "retry", retry(context).await?).await?;
    tell(context, "a receiver that fails", failing(context).await?).await?;
    tell(context, "a deadlock cycle", cycle(context).await?).await?;
    tell(context, "dead letter", dead_letter(context).await?).await?;
    tell(context, "backpressure", backpressure(context)?).await
}

async fn tell(context: &Context, pattern: &str, outcome: String) -> Result<(), Rejection> {
    context.send("ledger", &Entry::Outcome { pattern: pattern.to_owned(), outcome }).await?;
    Ok(())
}

fn take(item: &str, count: u32) -> Take {
    Take { item: item.to_owned(), count }
}

async fn fire_and_forget(context: &Context) -> Result<String, Rejection> {
    let letter = Letter { to: "ada".to_owned(), text: "welcome".to_owned() };
    context.send("mail", &letter).await?;
    Ok("sent".to_owned())
}

async fn request(context: &Context) -> Result<String, Rejection> {
    let left: u32 = context.request("stock", &take("apples", 3)).timeout(Duration::from_secs(1)).await?;
    Ok(format!("{left} apples are left"))
}

async fn several_requests(context: &Context) -> Result<String, Rejection> {
    let baskets = [take("apples", 1), take("pears", 1)];
    let asked = baskets.each_ref().map(|basket| context.request::<u32>("stock", basket));
    let left = join(asked).await.into_iter().collect::<Result<Vec<u32>, RequestError>>()?;
    Ok(format!("{} apples and {} pears are left", left[0], left[1]))
}

async fn rejected(context: &Context) -> Result<String, Rejection> {
    match context.request::<u32>("stock", &take("plums", 1)).await {
        Err(RequestError::Rejected { reason, .. }) => Ok(reason),
        other => Ok(format!("unexpected: {other:?}")),
    }
}

async fn publish(context: &Context) -> Result<String, Rejection> {
    let subscribers = context.publish("orders.eu.placed", "apples").await?;
    Ok(format!("{subscribers} got it"))
}

async fn retained(context: &Context) -> Result<String, Rejection> {
    context.publish("prices.apples", &120).retain().await?;
    context.send("ledger", &Entry::Watch { topics: "prices.*".to_owned() }).await?;
    Ok("published before the subscription".to_owned())
}

async fn pool(context: &Context) -> Result<String, Rejection> {
    let parcels: Vec<String> = (1..=6).map(|number| format!("parcel {number}")).collect();
    context.send_batch("packer", &parcels).await?;
    Ok(format!("{} parcels for 3 packers", parcels.len()))
}

fn backpressure(context: &Context) -> Result<String, Rejection> {
    let myself = &context.identity().name;
    // The mailbox has room for four messages, and the courier's question is in it.
    for number in 1..=3 {
        context.try_send(myself, &Ask::Fill { last: number == 3 })?;
    }
    match context.try_send(myself, &Ask::Fill { last: false }) {
        Err(SendError::MailboxFull { .. }) => Ok("full after 3".to_owned()),
        other => Ok(format!("unexpected: {other:?}")),
    }
}

async fn retry(context: &Context) -> Result<String, Rejection> {
    let attempt: u32 = context.request("courier", &Delivery::OverTheHill).await?;
    Ok(format!("delivered at attempt {attempt}"))
}

async fn failing(context: &Context) -> Result<String, Rejection> {
    match context.request::<u32>("courier", &Delivery::Fragile).await {
        Err(RequestError::TargetFailed { .. }) => Ok("known at once".to_owned()),
        other => Ok(format!("unexpected: {other:?}")),
    }
}

async fn cycle(context: &Context) -> Result<String, Rejection> {
    let at_home: bool = context.request("courier", &Delivery::ByHand).await?;
    Ok(format!("at home: {at_home}"))
}

async fn dead_letter(context: &Context) -> Result<String, Rejection> {
    let letter = Letter { to: String::new(), text: "without an address".to_owned() };
    context.send("mail", &letter).await?;
    Ok("sent, and rejected by its receiver".to_owned())
}
