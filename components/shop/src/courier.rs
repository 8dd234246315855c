//! Deliveries, some of which fail at first, or always.

use std::time::Duration;

use airssys_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::customer::Ask;

#[derive(Serialize, Deserialize)]
pub(crate) enum Delivery {
    /// The road is closed at the first two attempts.
    OverTheHill,
    /// The parcel breaks.
    Fragile,
    /// The customer has to be at home, but cannot answer.
    ByHand,
}

pub(crate) struct Courier;

impl Courier {
    pub(crate) async fn handle(&self, message: &Message, context: &Context) -> Result<Reply, Rejection> {
        match message.decode()? {
            Delivery::OverTheHill if message.attempt() < 3 => Err(Rejection::retry("the road is closed")),
            Delivery::OverTheHill => Ok(message.reply(&message.attempt())?),
            Delivery::Fragile => panic!("the parcel is broken"),
            Delivery::ByHand => {
                let at_home = context.request::<bool>("customer", &Ask::AtHome);
                let answer = at_home.timeout(Duration::from_millis(50)).await;
                Ok(message.reply(&answer.unwrap_or(false))?)
            }
        }
    }
}
