//! The WASI context of an instance.
//!
//! It denies by default: no files, network, environment or arguments. Standard output and error go to
//! the log. Standard input is empty, unless the app grants an input.

mod stdio;

use std::sync::Arc;

use airssys_spec::Input;
use wasmtime_wasi::WasiCtx;

use crate::guest::component_log::ComponentLog;
pub(super) use stdio::PERMIT;
use stdio::{LogStream, Stdin};

/// The most random bytes of one call. That many take some 0.4 ms.
const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// The WASI context of one incarnation. It is built at the guest's first call, because most guests
/// never call it.
pub(crate) struct Wasi {
    context: Option<Box<WasiCtx>>,
    instance: Arc<str>,
    log: Arc<ComponentLog>,
    stdin: Option<Stdin>,
    /// The limit on a line of output, in bytes.
    line_bytes: usize,
}

impl Wasi {
    /// Opens the granted input.
    pub(crate) async fn open(
        instance: &Arc<str>,
        log: &Arc<ComponentLog>,
        input: Option<&Input>,
        line_bytes: usize,
    ) -> std::io::Result<Wasi> {
        let stdin = match input {
            Some(input) => Some(Stdin::open(instance, input, log).await?),
            None => None,
        };
        let (instance, log) = (Arc::clone(instance), Arc::clone(log));
        Ok(Wasi { context: None, instance, log, stdin, line_bytes })
    }

    pub(crate) fn context(&mut self) -> &mut WasiCtx {
        self.context.get_or_insert_with(|| {
            let log = |level| {
                LogStream::new(Arc::clone(&self.instance), Arc::clone(&self.log), level, self.line_bytes)
            };
            let mut wasi = WasiCtx::builder();
            wasi.max_random_size(MAX_RANDOM_BYTES);
            wasi.stdout(log(tracing::Level::INFO)).stderr(log(tracing::Level::WARN));
            if let Some(stdin) = self.stdin.take() {
                wasi.stdin(stdin);
            }
            Box::new(wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).build())
        })
    }
}
