//! Logs one line for each major earthquake.

use airssys_sdk::prelude::*;
use quake_types::Classified;

struct QuakeAlerts;

impl Component for QuakeAlerts {
    fn initialize(_config: &Config, _context: &Context) -> Result<Self, StartError> {
        Ok(QuakeAlerts)
    }

    async fn handle(&mut self, message: Message, _context: &Context) -> Result<Reply, Rejection> {
        let Classified { quake, region, .. } = message.decode()?;
        log::info!("magnitude {} in {region}: {}", quake.magnitude, quake.place);
        Ok(Reply::none())
    }
}

airssys_sdk::component!(QuakeAlerts);
