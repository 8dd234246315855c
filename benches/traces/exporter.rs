//! The bench with an exporter. Environment variables configure the exporter, so it is measured in a
//! separate process. The collector runs in this process.

use std::convert::Infallible;
use std::process::Command;
use std::time::Duration;

use airssys_benches::compare::{Comparison, lazy};
use airssys_benches::{Bed, criterion, must, workers};
use airssys_wasm::otlp::Otlp;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Messages of one order, and so of one trace.
const OF_ONE_TRACE: u64 = 200;

pub(crate) fn is_set_up() -> bool {
    std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some()
}

/// Runs this program again, with an exporter that sends one span in a hundred to a collector.
pub(crate) fn run_again() {
    let runtime = workers(1);
    let listener = must(runtime.block_on(TcpListener::bind("127.0.0.1:0")));
    let address = must(listener.local_addr());
    runtime.spawn(collect(listener));
    let program = must(std::env::current_exe());
    let status = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"))
        .env("OTEL_TRACES_SAMPLER", "traceidratio")
        .env("OTEL_TRACES_SAMPLER_ARG", "0.01")
        .status();
    assert!(must(status).success(), "the measurement with an exporter failed");
}

pub(crate) fn measure() {
    let mut criterion = criterion();
    let mut group = criterion.benchmark_group("traces");
    let otlp = must(must(Otlp::from_env("bench")).ok_or("the environment sets no exporter"));
    let mut comparison = Comparison { group: &mut group, name: "traces", most: OF_ONE_TRACE };
    let bare = lazy(|| Bed::pair().untraced());
    let sampled = lazy(|| {
        // Each order starts its own trace, which is sampled or not.
        let bed = Bed::pair().untraced();
        bed.host.trace_with(otlp.tracer());
        bed
    });
    comparison.bench("sampled_1_percent", &sampled, Some(("not_carried", &bare)));
    group.finish();
    // The spans left in the queue do not matter.
    if let Err(error) = otlp.shutdown(Duration::from_secs(1)) {
        println!("traces/sampled_1_percent: {error}");
    }
}

/// Runs a collector that accepts every export.
async fn collect(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let take = service_fn(|request: Request<Incoming>| async {
            // The exporter reports a failed request itself.
            drop(request.into_body().collect().await);
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), take));
    }
}
