//! Sells articles: asks the host for their prices, and the ledger for the total.

use airssys_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use self::example::prices::prices;

wit_bindgen::generate!({ path: "../../wit", world: "customer" });

#[derive(Deserialize)]
struct Order {
    shelf: String,
    article: String,
    count: u64,
}

#[derive(Serialize)]
struct Payment {
    article: String,
    cents: u64,
}

#[derive(Serialize)]
struct Receipt {
    cents: u64,
    total_cents: u64,
}

struct Till;

impl airssys_sdk::Component for Till {
    const PREFERS: Codec = Codec::Json;

    fn initialize(_config: &Config, _context: &Context) -> Result<Self, StartError> {
        Ok(Till)
    }

    async fn handle(&mut self, message: Message, context: &Context) -> Result<Reply, Rejection> {
        let Order { shelf, article, count } = message.decode()?;
        let price = prices::price(&shelf, &article);
        let price = price.map_err(|error| Rejection::from(format!("no price: {}", error.name())))?;
        let cents = count * price;
        let total_cents: u64 = context.request("ledger", &Payment { article, cents }).await?;
        Ok(message.reply(&Receipt { cents, total_cents })?)
    }
}

airssys_sdk::component!(Till);
