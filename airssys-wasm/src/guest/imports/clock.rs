//! `airssys:component/clock`.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime};

use crate::contract::clock::Host;
use crate::guest::context::GuestContext;
use crate::observe::unix_time::unix_ms;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Host for GuestContext {
    fn now_ms(&mut self) -> u64 {
        self.sampled(|_| unix_ms(SystemTime::now()))
    }

    fn monotonic_ns(&mut self) -> u64 {
        self.sampled(|_| u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}
