//! A component that calls every function of the service for secrets.

use std::collections::HashMap;

use airssys_sdk::prelude::*;
use test_secrets_calls::{Answer, Call, Request};

use self::bindings::airssys::secrets::vault::{self, Error, Locker};

mod bindings {
    wit_bindgen::generate!({ path: "../../services/secrets/wit", world: "imports" });
}

struct Secrets {
    /// The lockers that are open, by label.
    open: HashMap<String, Locker>,
}

impl Component for Secrets {
    fn initialize(config: &Config, _context: &Context) -> Result<Self, StartError> {
        if let Some(value) = config.get("keep") {
            let failed = |error: Error| StartError::from(format!("the secret is not kept: {error:?}"));
            keep(value).map_err(failed)?;
            log::info!("the secret is kept, and a call was denied");
        }
        Ok(Secrets { open: HashMap::new() })
    }

    async fn handle(&mut self, message: Message, _context: &Context) -> Result<Reply, Rejection> {
        let Request { label, call } = message.decode()?;
        let answer = self.call(label, call);
        Ok(message.reply(&answer.unwrap_or_else(Answer::from))?)
    }
}

impl From<Error> for Answer {
    fn from(found: Error) -> Answer {
        let (name, text) = match found {
            Error::NoSuchStore => ("no-such-store", String::new()),
            Error::AccessDenied => ("access-denied", String::new()),
            Error::InvalidArgument(text) => ("invalid-argument", text),
            Error::Timeout => ("timeout", String::new()),
            Error::Unavailable => ("unavailable", String::new()),
            Error::QuotaExceeded(text) => ("quota-exceeded", text),
            Error::Other(text) => ("other", text),
        };
        Answer::Error { name: name.to_owned(), text }
    }
}

impl Secrets {
    fn call(&mut self, label: String, call: Call) -> Result<Answer, Error> {
        if !self.open.contains_key(&label) {
            let opened = vault::open(&label)?;
            self.open.insert(label.clone(), opened);
        }
        let Some(locker) = self.open.get(&label) else { return Err(Error::NoSuchStore) };
        Ok(match call {
            Call::Get(id) => Answer::Value(locker.get(&id)?),
            Call::Set(id, value) => {
                locker.set(&id, &value)?;
                Answer::Done
            }
            Call::Delete(id) => {
                locker.delete(&id)?;
                Answer::Done
            }
            Call::Exists(id) => Answer::Flag(locker.exists(&id)?),
            Call::List { cursor, limit } => {
                let page = locker.list_ids(cursor.as_deref(), limit)?;
                Answer::Ids(page.ids, page.cursor)
            }
        })
    }
}

/// Keeps a value as `token` in `payments`, reads it again, and makes calls that fail.
fn keep(value: &str) -> Result<(), Error> {
    let locker = vault::open("payments")?;
    locker.set("token", value.as_bytes())?;
    if locker.get("token")?.as_deref() != Some(value.as_bytes()) {
        return Err(Error::Other("another value came back".to_owned()));
    }
    let too_large = value.repeat((64 << 10) / value.len().max(1) + 1);
    let refused = locker.set("token", too_large.as_bytes());
    let denied = vault::open("other").and_then(|other| other.set("token", value.as_bytes()));
    match (refused, denied) {
        (Err(Error::InvalidArgument(_)), Err(Error::AccessDenied)) => Ok(()),
        (refused, denied) => Err(Error::Other(format!("{refused:?}, {denied:?}"))),
    }
}

airssys_sdk::component!(Secrets);
