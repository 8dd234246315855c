//! Answers a [`Locate`] with the [`Region`] of the point.

mod regions;

use airssys_sdk::prelude::*;
use quake_types::{Locate, Region};

struct QuakeRegion;

impl Component for QuakeRegion {
    fn initialize(_config: &Config, _context: &Context) -> Result<Self, StartError> {
        Ok(QuakeRegion)
    }

    async fn handle(&mut self, message: Message, _context: &Context) -> Result<Reply, Rejection> {
        let Locate { longitude, latitude } = message.decode()?;
        let name = regions::region(longitude, latitude).to_owned();
        Ok(Reply::cbor(&Region { name })?)
    }
}

airssys_sdk::component!(QuakeRegion);
