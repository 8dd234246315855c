//! Reads an earthquake out of a GeoJSON feature and sends it to `quake-classify`. Anything else is
//! rejected, with a reason that names what was found.

mod feature;

use airssys_sdk::prelude::*;

struct QuakeParse;

impl Component for QuakeParse {
    fn initialize(_config: &Config, _context: &Context) -> Result<Self, StartError> {
        Ok(QuakeParse)
    }

    async fn handle(&mut self, message: Message, context: &Context) -> Result<Reply, Rejection> {
        let quake = feature::read(message.body()).map_err(|error| Rejection::because(&error))?;
        context.send("quake-classify", &quake).await?;
        Ok(Reply::none())
    }
}

airssys_sdk::component!(QuakeParse);
