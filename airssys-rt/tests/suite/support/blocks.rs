//! An actor that cannot be interrupted.

use std::sync::mpsc;

use airssys_rt::{Actor, ActorContext, ActorRef, Child};

/// Blocks its thread until it is told to go on.
pub struct Blocks;

pub type Block = (mpsc::Sender<()>, mpsc::Receiver<()>);

impl Child for Blocks {}

impl Actor for Blocks {
    type Message = Block;
    type Error = std::fmt::Error;

    async fn handle_message(
        &mut self,
        (here, go): Block,
        _: &ActorContext<Block>,
    ) -> Result<(), std::fmt::Error> {
        here.send(()).unwrap();
        go.recv().unwrap();
        Ok(())
    }
}

/// Returns once it blocks. The returned sender lets it go on.
pub async fn block(actor: &ActorRef<Block>) -> mpsc::Sender<()> {
    let ((here, is_here), (go, may_go)) = (mpsc::channel(), mpsc::channel());
    actor.send((here, may_go)).await.unwrap();
    is_here.recv().unwrap();
    go
}
