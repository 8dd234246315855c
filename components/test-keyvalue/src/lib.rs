//! A component that calls every function of the key-value service.

mod draft;
mod draft2;
mod own;

use airssys_sdk::prelude::*;
use test_keyvalue_calls::{Answer, Api, Request};

struct KeyValue {
    draft: draft::Buckets,
    draft2: draft2::Buckets,
    own: own::Buckets,
}

impl Component for KeyValue {
    fn initialize(_config: &Config, _context: &Context) -> Result<Self, StartError> {
        let (draft, draft2, own) = Default::default();
        Ok(KeyValue { draft, draft2, own })
    }

    async fn handle(&mut self, message: Message, _context: &Context) -> Result<Reply, Rejection> {
        let Request { api, label, call } = message.decode()?;
        let answer = match api {
            Api::Draft => self.draft.call(&label, call),
            Api::Draft2 => self.draft2.call(&label, call),
            Api::Own => self.own.call(&label, call),
        };
        Ok(message.reply(&answer.unwrap_or_else(|error| error))?)
    }
}

/// An answer about a call that the interface does not have.
fn absent() -> Answer {
    Answer::Error { name: "absent".to_owned(), text: "the interface lacks this call".to_owned() }
}

fn error(name: &str, text: impl Into<String>) -> Answer {
    Answer::Error { name: name.to_owned(), text: text.into() }
}

airssys_sdk::component!(KeyValue);
