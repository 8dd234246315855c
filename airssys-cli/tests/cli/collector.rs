//! An OpenTelemetry collector for tests, which receives traces over HTTP and keeps them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// A collector on a port of its own, which runs until the test process ends.
pub(crate) struct Collector {
    address: String,
    received: Arc<Mutex<Received>>,
}

/// The traces and requests that a collector has received.
#[derive(Clone, Default)]
pub(crate) struct Received {
    pub(crate) spans: Vec<Span>,
    /// The attributes of the resource, which all spans share.
    pub(crate) resource: BTreeMap<String, String>,
    /// The headers of the last request, with names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The paths of all requests.
    pub(crate) paths: Vec<String>,
}

impl Collector {
    pub(crate) fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let received: Arc<Mutex<Received>> = Arc::default();
        let kept = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, &kept));
            }
        });
        Collector { address, received }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn received(&self) -> Received {
        self.received.lock().unwrap().clone()
    }
}

/// Answers requests until the client closes the connection.
fn serve(stream: TcpStream, kept: &Mutex<Received>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).expect("a path").to_owned();
        let headers = headers(&mut reader);
        let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the whole body");
        let request = ExportTraceServiceRequest::decode(&*body).expect("a request for traces");
        keep(&mut kept.lock().unwrap(), path, headers, request);
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        reader.get_mut().write_all(answer.as_bytes()).expect("the answer is taken");
    }
}

fn headers(reader: &mut impl BufRead) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.trim().to_owned()),
            None => return headers,
        };
    }
}

fn keep(
    kept: &mut Received,
    path: String,
    headers: BTreeMap<String, String>,
    request: ExportTraceServiceRequest,
) {
    kept.paths.push(path);
    kept.headers = headers;
    for resource_spans in request.resource_spans {
        kept.resource = attributes(&resource_spans.resource.unwrap_or_default().attributes);
        kept.spans.extend(resource_spans.scope_spans.into_iter().flat_map(|scope_spans| scope_spans.spans));
    }
}

/// Attributes as text.
pub(crate) fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.clone().and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::DoubleValue(number)) => number.to_string(),
        Some(any_value::Value::BoolValue(value)) => value.to_string(),
        other => panic!("{} is {other:?}", pair.key),
    };
    attributes.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}
