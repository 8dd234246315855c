//! Counts earthquakes by region and class, keeps the strongest ten, and answers the request for
//! a report.

mod stats;
mod time;

use airssys_sdk::prelude::*;

use stats::Stats;

struct QuakeStats {
    stats: Stats,
}

impl Component for QuakeStats {
    fn initialize(_config: &Config, _context: &Context) -> Result<Self, StartError> {
        Ok(QuakeStats { stats: Stats::default() })
    }

    async fn handle(&mut self, message: Message, _context: &Context) -> Result<Reply, Rejection> {
        if message.is_report_request() {
            return Ok(Reply::cbor(&self.stats.report())?);
        }
        self.stats.add(message.decode()?);
        Ok(Reply::none())
    }
}

airssys_sdk::component!(QuakeStats);
