//! A component that calls every function of the key-value service.

mod draft;
mod draft2;
mod own;

use std::time::Duration;

use airssys_sdk::prelude::*;
use test_keyvalue_calls::{Answer, Api, Call, Request};

struct KeyValue {
    draft: draft::Buckets,
    draft2: draft2::Buckets,
    own: own::Buckets,
    /// Set if the component calls its label again and again by itself, instead of obeying messages.
    watch: Option<Watch>,
}

/// A label that is called again and again.
struct Watch {
    label: String,
    /// The name of the last call's error, or `works`, as it was logged.
    logged: String,
}

impl Component for KeyValue {
    fn initialize(config: &Config, context: &Context) -> Result<Self, StartError> {
        let (draft, draft2, own) = Default::default();
        let watch = config.get("watch").map(|label| Watch { label: label.to_owned(), logged: String::new() });
        if watch.is_some() {
            context.try_send(&context.identity().name, &())?;
        }
        Ok(KeyValue { draft, draft2, own, watch })
    }

    async fn handle(&mut self, message: Message, context: &Context) -> Result<Reply, Rejection> {
        if let Some(watch) = &mut self.watch {
            watch.call(&mut self.own, context)?;
            return Ok(Reply::none());
        }
        let Request { api, label, call } = message.decode()?;
        let answer = match api {
            Api::Draft => self.draft.call(&label, call),
            Api::Draft2 => self.draft2.call(&label, call),
            Api::Own => self.own.call(&label, call),
        };
        Ok(message.reply(&answer.unwrap_or_else(|error| error))?)
    }
}

impl Watch {
    /// Calls the label, logs the outcome if it differs from the last one, and comes again a little later.
    fn call(&mut self, own: &mut own::Buckets, context: &Context) -> Result<(), Rejection> {
        let found = match own.call(&self.label, Call::Exists("key".to_owned())) {
            Err(Answer::Error { name, .. }) => name,
            _ => "works".to_owned(),
        };
        if found != self.logged {
            log::info!("the label {}: {found}", self.label);
            self.logged = found;
        }
        std::thread::sleep(Duration::from_millis(20));
        context.try_send(&context.identity().name, &()).map_err(|error| Rejection::from(error.to_string()))
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
