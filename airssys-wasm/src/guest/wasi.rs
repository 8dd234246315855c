//! WASI: what a component gets of the world outside its messages.
//!
//! Deny by default: no files, no network, no environment, no arguments. Standard output and error
//! go to the log. Standard input is what the app grants, and empty otherwise.

mod stdio;

use std::sync::Arc;

use airssys_spec::Input;
use wasmtime_wasi::WasiCtx;

use crate::guest::meter::Meter;
use stdio::{LogStream, StdinSource};

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
