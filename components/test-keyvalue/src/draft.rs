//! `wasi:keyvalue@0.2.0-draft`.

use std::collections::HashMap;

use test_keyvalue_calls::{Answer, Call, When};

use self::bindings::wasi::keyvalue::store::{self, Bucket, Error};
use self::bindings::wasi::keyvalue::{atomics, batch};
use crate::{absent, error};

mod bindings {
    wit_bindgen::generate!({ path: "../../services/keyvalue/wit/draft", world: "imports" });
}

/// The open buckets, by label.
#[derive(Default)]
pub(crate) struct Buckets {
    open: HashMap<String, Bucket>,
}

impl From<Error> for Answer {
    fn from(found: Error) -> Answer {
        match found {
            Error::NoSuchStore => error("no-such-store", ""),
            Error::AccessDenied => error("access-denied", ""),
            Error::Other(text) => error("other", text),
        }
    }
}

impl Buckets {
    pub(crate) fn call(&mut self, label: &str, call: Call) -> Result<Answer, Answer> {
        if call == Call::Open || !self.open.contains_key(label) {
            self.open.insert(label.to_owned(), store::open(label)?);
        }
        let Some(bucket) = self.open.get(label) else { return Err(absent()) };
        Ok(match call {
            Call::Open => Answer::Done,
            Call::Get(key) => Answer::Value(bucket.get(&key)?.map(|value| (value, None))),
            Call::Set { key, value, ttl_ms: None, when: When::Always } => {
                bucket.set(&key, &value)?;
                Answer::Done
            }
            Call::Delete(key) => {
                bucket.delete(&key)?;
                Answer::Done
            }
            Call::Exists(key) => Answer::Flag(bucket.exists(&key)?),
            Call::Increment { key, delta } => {
                let delta = u64::try_from(delta).map_err(|_| absent())?;
                let sum = atomics::increment(bucket, &key, delta)?;
                Answer::Number(i64::try_from(sum).map_err(|_| error("too-large", ""))?)
            }
            Call::Count { key, times } => {
                let mut sum = 0;
                for _ in 0..times {
                    sum = atomics::increment(bucket, &key, 1)?;
                }
                Answer::Number(i64::try_from(sum).map_err(|_| error("too-large", ""))?)
            }
            Call::ListAll { prefix, .. } => {
                let (mut keys, mut cursor, mut pages) = (Vec::new(), None, 0);
                loop {
                    let page = bucket.list_keys(cursor)?;
                    keys.extend(page.keys);
                    pages += 1;
                    cursor = page.cursor;
                    if cursor.is_none() {
                        break;
                    }
                }
                keys.retain(|key| key.starts_with(&prefix));
                Answer::Keys { keys, cursor: None, pages }
            }
            Call::List { cursor, .. } => {
                let cursor = cursor.map(|cursor| cursor.parse().map_err(|_| absent())).transpose()?;
                let page = bucket.list_keys(cursor)?;
                let cursor = page.cursor.map(|cursor| cursor.to_string());
                Answer::Keys { keys: page.keys, cursor, pages: 1 }
            }
            Call::GetMany(keys) => {
                let entries = batch::get_many(bucket, &keys)?;
                // Each value comes with its own key.
                for (entry, key) in entries.iter().zip(&keys) {
                    if entry.as_ref().is_some_and(|(found, _)| found != key) {
                        return Err(error("order", key));
                    }
                }
                Answer::Values(entries.into_iter().map(|entry| entry.map(|(_, value)| value)).collect())
            }
            Call::SetMany { entries, ttl_ms: None } => {
                batch::set_many(bucket, &entries)?;
                Answer::Done
            }
            Call::DeleteMany(keys) => {
                batch::delete_many(bucket, &keys)?;
                Answer::Done
            }
            _ => return Err(absent()),
        })
    }
}
