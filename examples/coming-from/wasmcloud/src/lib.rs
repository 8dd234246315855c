//! Counts the requests for each path in a bucket. Written for wasmCloud.

use wasmcloud_component::http::{self, ErrorCode};
use wasmcloud_component::info;
use wasmcloud_component::wasi::{config, keyvalue};

struct Counter;

http::export!(Counter);

impl http::Server for Counter {
    fn handle(request: http::IncomingRequest) -> http::Result<http::Response<impl http::OutgoingBody>> {
        let path = request.uri().path().to_owned();
        let bucket = keyvalue::store::open("default").map_err(|error| failed(&error))?;
        let count = keyvalue::atomics::increment(&bucket, &path, 1).map_err(|error| failed(&error))?;
        let greeting = config::store::get("greeting").map_err(|error| failed(&error))?;
        info!("{path}: {count}");
        let greeting = greeting.unwrap_or_default();
        Ok(http::Response::new(format!("{greeting} wasmcloud: {path} was asked for {count} times\n")))
    }
}

fn failed(error: &impl std::fmt::Debug) -> ErrorCode {
    ErrorCode::InternalError(Some(format!("{error:?}")))
}
