//! The shop's stock, which answers requests.

use std::collections::BTreeMap;

use airssys_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(crate) struct Take {
    pub(crate) item: String,
    pub(crate) count: u32,
}

pub(crate) struct Stock {
    left: BTreeMap<String, u32>,
}

impl Stock {
    pub(crate) fn full() -> Stock {
        Stock { left: [("apples".to_owned(), 10), ("pears".to_owned(), 4)].into() }
    }

    pub(crate) fn handle(&mut self, message: &Message) -> Result<Reply, Rejection> {
        let Take { item, count } = message.decode()?;
        let left = self.left.get_mut(&item).ok_or_else(|| format!("there are no {item}"))?;
        *left = left.checked_sub(count).ok_or_else(|| format!("only {left} {item} are left"))?;
        Ok(message.reply(&*left)?)
    }
}
