//! What happened: it listens, and reports at the end.

use std::collections::BTreeMap;

use airssys_sdk::prelude::*;
use airssys_sdk::report::{Report, Table};
use serde::{Deserialize, Serialize};

/// What the customer tells.
#[derive(Serialize, Deserialize)]
pub(crate) enum Entry {
    /// What came of a pattern.
    Outcome { pattern: String, outcome: String },
    /// Listen to these topics, too.
    Watch { topics: String },
}

#[derive(Default)]
pub(crate) struct Ledger {
    outcomes: Vec<(String, String)>,
    heard: BTreeMap<String, u64>,
}

impl Ledger {
    pub(crate) fn handle(&mut self, message: &Message, context: &Context) -> Result<Reply, Rejection> {
        if message.is_report_request() {
            return Ok(Reply::cbor(&self.report())?);
        }
        if let Some(topic) = message.topic() {
            let whence = if message.was_retained() { " (retained)" } else { "" };
            *self.heard.entry(format!("{topic}{whence}")).or_default() += 1;
            return Ok(Reply::none());
        }
        match message.decode()? {
            Entry::Outcome { pattern, outcome } => self.outcomes.push((pattern, outcome)),
            Entry::Watch { topics } => context.subscribe(&topics).map_err(|error| error.to_string())?,
        }
        Ok(Reply::none())
    }

    fn report(&self) -> Report {
        let mut outcomes = Table::new("What the customer saw", &["pattern", "outcome"]);
        for (pattern, outcome) in &self.outcomes {
            outcomes.rows.push(vec![pattern.as_str().into(), outcome.as_str().into()]);
        }
        let mut heard = Table::new("What the ledger heard", &["topic", "publications"]);
        for (topic, count) in &self.heard {
            heard.rows.push(vec![topic.as_str().into(), (*count).into()]);
        }
        Report { tables: vec![outcomes, heard] }
    }
}
