//! A packer in a pool. Each parcel goes to the packer with the fewest messages in its mailbox.

use airssys_sdk::prelude::*;

pub(crate) struct Packer;

impl Packer {
    pub(crate) async fn handle(&self, message: &Message, context: &Context) -> Result<Reply, Rejection> {
        let parcel: String = message.decode()?;
        context.publish("parcels.packed", &parcel).await?;
        Ok(Reply::none())
    }
}
