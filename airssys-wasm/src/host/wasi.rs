//! WASI: what a component gets of the world outside its messages.
//!
//! Deny by default: no files, no network, no environment, no arguments. Standard output and error
//! go to the log. Standard input is what the app grants, and empty otherwise.

mod direct;
mod stdio;

use std::sync::Arc;

use airssys_spec::Input;
use wasmtime_wasi::WasiCtx;

pub(crate) use direct::add_direct;

use crate::meter::Meter;
use stdio::{LogStream, StdinSource};

/// The packages of WASI 0.2 that the host has.
const PACKAGES: [&str; 6] =
    ["wasi:io/", "wasi:cli/", "wasi:clocks/", "wasi:random/", "wasi:filesystem/", "wasi:sockets/"];

/// Interfaces none of whose functions wait.
const NEVER_WAIT: [&str; 2] = ["wasi:cli/", "wasi:random/"];

/// Functions that do not wait, of interfaces that have others which do. Output never waits: it
/// goes to the log. So a pollable can only come from an output stream, and is always ready, where
/// nothing else is imported.
const DO_NOT_WAIT: [(&str, &str); 14] = [
    ("wasi:clocks/wall-clock", "now"),
    ("wasi:clocks/wall-clock", "resolution"),
    ("wasi:clocks/monotonic-clock", "now"),
    ("wasi:clocks/monotonic-clock", "resolution"),
    ("wasi:io/error", "[method]error.to-debug-string"),
    ("wasi:io/poll", "[method]pollable.ready"),
    ("wasi:io/poll", "[method]pollable.block"),
    ("wasi:io/poll", "poll"),
    ("wasi:io/streams", "[method]output-stream.check-write"),
    ("wasi:io/streams", "[method]output-stream.write"),
    ("wasi:io/streams", "[method]output-stream.flush"),
    ("wasi:io/streams", "[method]output-stream.blocking-flush"),
    ("wasi:io/streams", "[method]output-stream.blocking-write-and-flush"),
    ("wasi:io/streams", "[method]output-stream.subscribe"),
];

pub(crate) fn provides(interface: &str) -> bool {
    let version = interface.rsplit_once('@').map_or("", |(_, version)| version);
    version.starts_with("0.2.") && PACKAGES.iter().any(|package| interface.starts_with(package))
}

pub(crate) fn can_wait(interface: &str, function: &str) -> bool {
    let name = interface.split('@').next().unwrap_or(interface);
    let never = NEVER_WAIT.iter().any(|package| name.starts_with(package));
    !never && !DO_NOT_WAIT.contains(&(name, function))
}

/// The WASI of one incarnation. It is made when the guest first calls it, which most never do.
pub(crate) struct Wasi {
    made: Option<Box<WasiCtx>>,
    instance: Arc<str>,
    meter: Arc<Meter>,
    stdin: Option<StdinSource>,
}

impl Wasi {
    /// Opens the input, if there is one.
    pub(crate) async fn open(
        instance: &Arc<str>,
        meter: &Arc<Meter>,
        input: Option<&Input>,
    ) -> std::io::Result<Wasi> {
        let stdin = match input {
            Some(input) => Some(StdinSource::open(input).await?),
            None => None,
        };
        Ok(Wasi { made: None, instance: Arc::clone(instance), meter: Arc::clone(meter), stdin })
    }

    pub(crate) fn context(&mut self) -> &mut WasiCtx {
        self.made.get_or_insert_with(|| {
            let log = |level| LogStream::new(Arc::clone(&self.instance), Arc::clone(&self.meter), level);
            let mut wasi = WasiCtx::builder();
            wasi.stdout(log(tracing::Level::INFO)).stderr(log(tracing::Level::WARN));
            if let Some(stdin) = self.stdin.take() {
                wasi.stdin(stdin);
            }
            Box::new(wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).build())
        })
    }
}
