//! A handler that waits can return early for work that overtakes the messages.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airssys_rt::{Actor, ActorContext, ActorSystem, Child, ChildSpec, ExitReason, RestartPolicy};

type Log = Arc<Mutex<Vec<&'static str>>>;

/// Waits in its handler until something overtakes its messages.
struct Waits(Log);

impl Child for Waits {}

impl Actor for Waits {
    type Message = ();
    type Error = Infallible;

    async fn handle_message(&mut self, (): (), context: &ActorContext<()>) -> Result<(), Infallible> {
        self.0.lock().unwrap().push("waits");
        context.overtaken().await;
        self.0.lock().unwrap().push("makes way");
        Ok(())
    }

    async fn on_signal(&mut self, _: &ActorContext<()>) -> Result<(), Infallible> {
        self.0.lock().unwrap().push("signal");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn overtaken_resolves_for_a_signal_and_a_stop_but_not_for_messages() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let spec = ChildSpec::new("waits").restart(RestartPolicy::Temporary);
    let noted = log.clone();
    let actor = system.spawn(spec, move || Waits(noted.clone())).await.unwrap();
    actor.send(()).await.unwrap();
    actor.send(()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*log.lock().unwrap(), ["waits"]);
    actor.signal();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*log.lock().unwrap(), ["waits", "makes way", "signal", "waits"]);
    actor.stop();
    let reason = tokio::time::timeout(Duration::from_secs(1), actor.closed()).await.unwrap();
    assert!(matches!(reason, ExitReason::Shutdown | ExitReason::Normal), "{reason}");
    assert_eq!(log.lock().unwrap().len(), 5);
}
