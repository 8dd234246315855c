//! `airssys:keyvalue@0.1.0`.

use std::collections::HashMap;

use test_keyvalue_calls::{Answer, Call, When};

use self::bindings::airssys::keyvalue::store::{self, Bucket, Condition, Error, SetOptions};
use crate::{absent, error};

mod bindings {
    wit_bindgen::generate!({ path: "../../services/keyvalue/wit/airssys", world: "imports" });
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
            Error::InvalidArgument(text) => error("invalid-argument", text),
            Error::PreconditionFailed => error("precondition-failed", ""),
            Error::Timeout => error("timeout", ""),
            Error::Unavailable => error("unavailable", ""),
            Error::QuotaExceeded(text) => error("quota-exceeded", text),
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
            Call::Get(key) => {
                let entry = bucket.get(&key)?;
                Answer::Value(entry.map(|entry| (entry.value, Some(entry.version))))
            }
            Call::Set { key, value, ttl_ms, when } => {
                let condition = match when {
                    When::Always => Condition::Always,
                    When::Absent => Condition::Absent,
                    When::Version(version) => Condition::Version(version),
                };
                Answer::Version(bucket.set(&key, &value, &SetOptions { ttl_ms, condition })?)
            }
            Call::Delete(key) => {
                bucket.delete(&key)?;
                Answer::Done
            }
            Call::Exists(key) => Answer::Flag(bucket.exists(&key)?),
            Call::Increment { key, delta } => Answer::Number(bucket.increment(&key, delta)?),
            Call::Count { key, times } => {
                let mut sum = 0;
                for _ in 0..times {
                    sum = bucket.increment(&key, 1)?;
                }
                Answer::Number(sum)
            }
            Call::ListAll { prefix, limit } => {
                let (mut keys, mut cursor, mut pages) = (Vec::new(), None, 0);
                loop {
                    let page = bucket.list_keys(&prefix, cursor.as_deref(), limit)?;
                    keys.extend(page.keys);
                    pages += 1;
                    cursor = page.cursor;
                    if cursor.is_none() {
                        break;
                    }
                }
                Answer::Keys { keys, cursor: None, pages }
            }
            Call::List { prefix, cursor, limit } => {
                let page = bucket.list_keys(&prefix, cursor.as_deref(), limit)?;
                Answer::Keys { keys: page.keys, cursor: page.cursor, pages: 1 }
            }
            Call::GetMany(keys) => Answer::Values(bucket.get_many(&keys)?),
            Call::SetMany { entries, ttl_ms } => {
                bucket.set_many(&entries, ttl_ms)?;
                Answer::Done
            }
            Call::DeleteMany(keys) => {
                bucket.delete_many(&keys)?;
                Answer::Done
            }
            Call::NewCas(_) | Call::CurrentCas | Call::Swap(_) => return Err(absent()),
        })
    }
}
