//! Classifies an earthquake by its magnitude, asks for its region, and publishes it on
//! `quakes.CLASS.REGION`.
//!
//! An event with the id `panic-drill` makes the component panic, so that an operator can watch the
//! supervisor at work. The setting `drill` gives another id.

use airssys_sdk::prelude::*;
use quake_types::{Class, Classified, Locate, Quake, Region};

const REGIONS: &str = "quake-region";

struct QuakeClassify {
    drill: String,
}

impl Component for QuakeClassify {
    fn initialize(config: &Config, _context: &Context) -> Result<Self, StartError> {
        Ok(QuakeClassify { drill: config.get("drill").unwrap_or("panic-drill").to_owned() })
    }

    async fn handle(&mut self, message: Message, context: &Context) -> Result<Reply, Rejection> {
        let quake: Quake = message.decode()?;
        if quake.id == self.drill {
            panic!("drill: the event `{}`", quake.id);
        }
        let place = Locate { longitude: quake.longitude, latitude: quake.latitude };
        let Region { name: region } = context.request(REGIONS, &place).await?;
        let class = Class::of(quake.magnitude);
        let topic = ["quakes", class.name(), &region].join(".");
        context.publish(&topic, &Classified { quake, class, region }).await?;
        Ok(Reply::none())
    }
}

airssys_sdk::component!(QuakeClassify);
