//! The ledger records results and publications, and reports at the end.

use std::collections::BTreeMap;

use airssys_sdk::prelude::*;
use airssys_sdk::report::{Report, Table};
use serde::{Deserialize, Serialize};

/// The messages of the customer.
#[derive(Serialize, Deserialize)]
pub(crate) enum Entry {
    /// The result of a way of messaging.
    Outcome { pattern: String, outcome: String },
    /// Subscribe to these topics, too.
    Watch { topics: String },
}

#[derive(Default)]
pub(crate) struct Ledger {
    outcomes: Vec<(String, String)>,
    publications: BTreeMap<String, u64>,
}

impl Ledger {
    pub(crate) fn handle(&mut self, message: &Message, context: &Context) -> Result<Reply, Rejection> {
        if message.is_report_request() {
            return Ok(Reply::cbor(&self.report())?);
        }
        if let Some(topic) = message.topic() {
            let origin = if message.was_retained() { " (retained)" } else { "" };
            *self.publications.entry(format!("{topic}{origin}")).or_default() += 1;
            return Ok(Reply::none());
        }
        match message.decode()? {
            Entry::Outcome { pattern, outcome } => self.outcomes.push((pattern, outcome)),
            Entry::Watch { topics } => context.subscribe(&topics).map_err(|error| error.to_string())?,
        }
        Ok(Reply::none())
    }

    fn report(&self) -> Report {
        let mut outcomes = Table::new("Results of the customer", &["pattern", "outcome"]);
        for (pattern, outcome) in &self.outcomes {
            outcomes.rows.push(vec![pattern.as_str().into(), outcome.as_str().into()]);
        }
        let mut publications = Table::new("Publications to the ledger", &["topic", "publications"]);
        for (topic, count) in &self.publications {
            publications.rows.push(vec![topic.as_str().into(), (*count).into()]);
        }
        Report { tables: vec![outcomes, publications] }
    }
}
