//! Answers HTTP requests with the published crate wstd. It knows nothing of airssys.

mod fetch;

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{StreamExt, stream};
use wasip2::http::types::Fields;
use wstd::http::body::Bytes;
use wstd::http::{Body, Error, Request, Response, StatusCode};
use wstd::time::Duration;

/// The requests of this instance.
static REQUESTS: AtomicU32 = AtomicU32::new(0);

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/count" => Ok(text(number.to_string())),
        "/line" => {
            let line = format!("{} {}", request.method(), request.uri());
            Ok(text(line))
        }
        "/headers" => {
            let named = |name: &str| request.headers().get(name).map(|value| format!("{value:?}"));
            Ok(text(format!("{:?} {:?}", named("host"), named("x-note"))))
        }
        // The body of the request streams into that of the response.
        "/echo" => Ok(Response::new(request.into_body())),
        "/length" => {
            let mut body = request.into_body();
            let bytes = body.contents().await?.len();
            Ok(text(bytes.to_string()))
        }
        "/trap" => panic!("asked to"),
        "/spin" => loop {
            std::hint::black_box(number);
        },
        "/slow" => {
            wstd::task::sleep(Duration::from_millis(300)).await;
            Ok(text("slow".to_owned()))
        }
        "/never" => {
            wstd::task::sleep(Duration::from_secs(3_600)).await;
            Ok(text("late".to_owned()))
        }
        "/endless" => {
            let chunk = Bytes::from(vec![b'x'; 64 << 10]);
            Ok(Response::new(Body::from_stream(Endless(chunk))))
        }
        "/cut" => {
            let first = stream::once(async { Bytes::from_static(b"first") });
            let trap = stream::once(async {
                wstd::task::sleep(Duration::from_millis(50)).await;
                panic!("asked to")
            });
            Ok(Response::new(Body::from_stream(first.chain(trap))))
        }
        "/fetch" => fetch::fetch(request).await,
        "/fetch-stream" => fetch::stream(request).await,
        "/fetch-many" => fetch::many(request).await,
        "/fetch-dropped" => fetch::dropped(request).await,
        "/fetch-trap" => fetch::trap(request).await,
        "/fields" => Ok(text(fields(request.uri().query().unwrap_or_default()))),
        "/outgoing" => {
            let target = request.uri().query().unwrap_or_default();
            let outgoing = Request::get(format!("http://{target}/")).body(Body::empty())?;
            let sent = wstd::http::Client::new().send(outgoing).await.is_ok();
            Ok(text(if sent { "sent" } else { "not sent" }.to_owned()))
        }
        _ => {
            let mut response = text("not here".to_owned());
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok(response)
        }
    }
}

/// Makes so many lists of headers, each with a header of so many bytes: `COUNTxBYTES`.
fn fields(wanted: &str) -> String {
    let (count, bytes) = wanted.split_once('x').unwrap_or_default();
    let (count, bytes): (usize, usize) = (count.parse().unwrap_or(0), bytes.parse().unwrap_or(0));
    let value = vec![b'v'; bytes];
    let mut kept = Vec::new();
    for _ in 0..count {
        let list = Fields::new();
        if list.append("x-note", &value).is_err() {
            return "refused".to_owned();
        }
        kept.push(list);
    }
    format!("{} lists", kept.len())
}

fn text(text: String) -> Response<Body> {
    Response::new(text.into())
}

/// A body without an end.
struct Endless(Bytes);

impl futures_util::Stream for Endless {
    type Item = Bytes;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Bytes>> {
        std::task::Poll::Ready(Some(self.0.clone()))
    }
}
