//! One of a pool: each parcel is packed by whoever has least to do.

use airssys_sdk::prelude::*;

pub(crate) struct Packer;

impl Packer {
    pub(crate) async fn handle(&self, message: &Message, context: &Context) -> Result<Reply, Rejection> {
        let parcel: String = message.decode()?;
        context.publish("parcels.packed", &parcel).await?;
        Ok(Reply::none())
    }
}
