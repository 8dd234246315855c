//! A component that calls every function of the blob service.

use std::collections::HashMap;

use airssys_sdk::prelude::*;
use test_blobstore_calls::{Answer, Call, Order};

use self::bindings::wasi::blobstore::blobstore;
use self::bindings::wasi::blobstore::container::Container;
use self::bindings::wasi::blobstore::types::{IncomingValue, ObjectId, OutgoingValue};
use self::bindings::wasi::io::streams::{OutputStream, StreamError};

mod bindings {
    wit_bindgen::generate!({
        path: "../../services/blobstore/wit",
        world: "wasi:blobstore/imports",
        generate_all,
    });
}

/// The most bytes of one blocking write.
const WRITE: usize = 4_096;

struct Blobs {
    held: HashMap<String, Container>,
}

impl airssys_sdk::Component for Blobs {
    fn initialize(_config: &Config, _context: &Context) -> Result<Self, StartError> {
        Ok(Blobs { held: HashMap::new() })
    }

    async fn handle(&mut self, message: Message, _context: &Context) -> Result<Reply, Rejection> {
        let answer = self.call(message.decode()?);
        Ok(message.reply(&answer.unwrap_or_else(Answer::Error))?)
    }
}

fn failed(error: &StreamError) -> String {
    match error {
        StreamError::Closed => "closed".to_owned(),
        StreamError::LastOperationFailed(error) => error.to_debug_string(),
    }
}

/// Returns the byte at a place of a large object.
fn byte_at(place: u64) -> u8 {
    (place / 1_000).to_le_bytes()[0]
}

fn write(stream: &OutputStream, bytes: &[u8]) -> Result<(), String> {
    bytes
        .chunks(WRITE)
        .try_for_each(|chunk| stream.blocking_write_and_flush(chunk))
        .map_err(|error| failed(&error))
}

fn id((container, object): (String, String)) -> ObjectId {
    ObjectId { container, object }
}

impl Blobs {
    /// Works on a container: the one that is held, or else one that is opened for the call.
    fn on<T>(&self, name: &str, work: impl FnOnce(&Container) -> Result<T, String>) -> Result<T, String> {
        match self.held.get(name) {
            Some(container) => work(container),
            None => work(&blobstore::get_container(name)?),
        }
    }

    fn open(&self, container: &str, name: &str, start: u64, end: u64) -> Result<IncomingValue, String> {
        self.on(container, |container| container.get_data(name, start, end))
    }

    fn container_info(&self, name: &str) -> Result<Answer, String> {
        let info = self.on(name, Container::info)?;
        let (name, container) = (String::new(), info.name);
        Ok(Answer::Info { name, container, size: 0, created: info.created_at })
    }

    fn call(&mut self, call: Call) -> Result<Answer, String> {
        match call {
            Call::Create(name) => {
                let container = blobstore::create_container(&name)?;
                match container.name()? == name {
                    true => Ok(Answer::Done),
                    false => Err("the container has another name".to_owned()),
                }
            }
            Call::Hold(name) => {
                let container = blobstore::get_container(&name)?;
                self.held.insert(name, container);
                Ok(Answer::Done)
            }
            Call::Remove(name) => blobstore::delete_container(&name).map(|()| Answer::Done),
            Call::ContainerExists(name) => blobstore::container_exists(&name).map(Answer::Flag),
            Call::ContainerInfo(name) => self.container_info(&name),
            Call::Put { container, name, value, order } => {
                self.on(&container, |container| put(container, &name, &value, order))
            }
            Call::PutLarge { container, name, size, finishes } => {
                self.on(&container, |container| put_large(container, &name, size, finishes))
            }
            Call::Get { container, name, start, end } => {
                let value = self.open(&container, &name, start, end)?;
                let size = value.size();
                let bytes = IncomingValue::incoming_value_consume_sync(value)?;
                match size == bytes.len() as u64 {
                    true => Ok(Answer::Value(bytes)),
                    false => Err(format!("the size is {size}, not {}", bytes.len())),
                }
            }
            Call::GetLarge { container, name, start, end } => {
                let value = self.open(&container, &name, start, end)?;
                read_stream(value, start)
            }
            Call::Has { container, name } => {
                self.on(&container, |container| container.has_object(&name)).map(Answer::Flag)
            }
            Call::Info { container, name } => {
                let info = self.on(&container, |container| container.object_info(&name))?;
                let (name, container, size) = (info.name, info.container, info.size);
                Ok(Answer::Info { name, container, size, created: info.created_at })
            }
            Call::Delete { container, names } => {
                let delete = |container: &Container| match &*names {
                    [name] => container.delete_object(name),
                    names => container.delete_objects(names),
                };
                self.on(&container, delete).map(|()| Answer::Done)
            }
            Call::Clear(name) => self.on(&name, Container::clear).map(|()| Answer::Done),
            Call::Copy { from, to } => blobstore::copy_object(&id(from), &id(to)).map(|()| Answer::Done),
            Call::Move { from, to } => blobstore::move_object(&id(from), &id(to)).map(|()| Answer::Done),
            Call::List { container, page, skip } => {
                self.on(&container, |container| list(container, page, skip))
            }
            Call::ReadAfterDelete { container, name } => self.on(&container, |container| {
                let value = container.get_data(&name, 0, u64::MAX)?;
                container.delete_object(&name)?;
                IncomingValue::incoming_value_consume_sync(value).map(Answer::Value)
            }),
            Call::OpenMany { container, name, count } => self.on(&container, |container| {
                let open = |_| container.get_data(&name, 0, u64::MAX);
                let values: Result<Vec<_>, _> = (0..count).map(open).collect();
                values.map(|_| Answer::Done)
            }),
        }
    }
}

fn put(container: &Container, name: &str, bytes: &[u8], order: Order) -> Result<Answer, String> {
    let value = OutgoingValue::new_outgoing_value();
    if order == Order::NameFirst {
        container.write_data(name, &value)?;
    }
    let stream = value.outgoing_value_write_body().map_err(|()| "the stream is taken".to_owned())?;
    if value.outgoing_value_write_body().is_ok() {
        return Err("the stream was given out twice".to_owned());
    }
    write(&stream, bytes)?;
    drop(stream);
    if order == Order::BytesFirst {
        container.write_data(name, &value)?;
    }
    OutgoingValue::finish(value).map(|()| Answer::Done)
}

fn put_large(container: &Container, name: &str, size: u64, finishes: bool) -> Result<Answer, String> {
    let value = OutgoingValue::new_outgoing_value();
    container.write_data(name, &value)?;
    let stream = value.outgoing_value_write_body().map_err(|()| "the stream is taken".to_owned())?;
    let ready = stream.subscribe();
    let mut place = 0;
    while place < size {
        ready.block();
        let room = stream.check_write().map_err(|error| failed(&error))?;
        let end = size.min(place + room);
        let bytes: Vec<u8> = (place..end).map(byte_at).collect();
        stream.write(&bytes).map_err(|error| failed(&error))?;
        place = end;
    }
    drop(ready);
    drop(stream);
    if finishes {
        OutgoingValue::finish(value)?;
    }
    Ok(Answer::Done)
}

fn read_stream(value: IncomingValue, start: u64) -> Result<Answer, String> {
    let stream = IncomingValue::incoming_value_consume_async(value)?;
    let (mut bytes, mut wrong) = (0, 0);
    loop {
        match stream.blocking_read(1 << 20) {
            Ok(chunk) => {
                for byte in chunk {
                    wrong += u64::from(byte != byte_at(start + bytes));
                    bytes += 1;
                }
            }
            Err(StreamError::Closed) => return Ok(Answer::Streamed { bytes, wrong }),
            Err(error) => return Err(failed(&error)),
        }
    }
}

fn list(container: &Container, page: u64, skip: u64) -> Result<Answer, String> {
    let list = container.list_objects()?;
    let (mut skipped, mut is_last) = (0, false);
    if skip > 0 {
        (skipped, is_last) = list.skip_stream_object_names(skip)?;
    }
    let (mut names, mut pages) = (Vec::new(), 0);
    while !is_last {
        let (more, last) = list.read_stream_object_names(page)?;
        if more.len() as u64 > page {
            return Err("a page is too large".to_owned());
        }
        names.extend(more);
        pages += 1;
        is_last = last;
    }
    Ok(Answer::Names { names, pages, skipped })
}

airssys_sdk::component!(Blobs);
