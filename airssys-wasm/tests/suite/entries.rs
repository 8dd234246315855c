//! Calls from services into the exports of components that know nothing of airssys.

use std::pin::Pin;
use std::time::Duration;

use airssys_message::Codec;
use airssys_rt::Overflow;
use airssys_wasm::{
    CallRefused, Component, ComponentHost, ComponentSpec, DeadLetterReason, Delivery, Engine, EngineConfig,
    Entry, EntryCall, EntryEnd, EntryGuest, EntryPoint, EntryTimedOut, ExportedFunction, ExportedInterface,
    GuestFailure, GuestState, Interface, Limits, LoadError, Retry, RetryError, Service, Services, SpawnError,
};
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::Linker;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use crate::support::*;

/// A service that rings the bells of components.
struct Bell;

const RING: &[ExportedFunction] = &[ExportedFunction::new::<(u32,), (u32,)>("ring")];

impl Service for Bell {
    const NAME: &'static str = "bell";

    type Config = ();
    type Connection = ();
    type Data = ();

    fn interfaces(&self) -> Vec<Interface> {
        Vec::new()
    }

    fn exports(&self) -> Vec<ExportedInterface> {
        vec![ExportedInterface { name: "test:bell/bell", version: "0.1.", functions: RING }]
    }

    fn link(&self, _: &mut Linker<GuestState>, _: Entry) -> wasmtime::Result<()> {
        Ok(())
    }
}

/// A ring with its number of rings so far, or the text of its failure.
type RingEnd = (u32, Result<u32, String>);

/// One ring. Its end is the number of rings, or the text of its failure.
struct Ring {
    point: EntryPoint,
    number: u32,
    /// Held until this is released, inside the instance.
    held: Option<oneshot::Receiver<()>>,
    rung: Option<u32>,
    end: mpsc::UnboundedSender<RingEnd>,
}

impl EntryCall for Ring {
    fn run<'a>(
        &'a mut self,
        mut guest: EntryGuest<'a>,
    ) -> Pin<Box<dyn Future<Output = wasmtime::Result<()>> + Send + 'a>> {
        Box::pin(async move {
            if let Some(held) = self.held.take() {
                let limit = Duration::from_secs(60);
                let released = tokio::time::timeout(limit, held).await;
                released.map_err(|_| EntryTimedOut { limit })?.ok();
            }
            let ring = guest.function::<(u32,), (u32,)>(self.point)?;
            let (rung,) = ring.call_async(guest.store(), (self.number,)).await?;
            self.rung = Some(rung);
            Ok(())
        })
    }

    fn ended(self: Box<Self>, how: EntryEnd<'_>) {
        let how = match how {
            EntryEnd::Returned => Ok(self.rung.unwrap_or_default()),
            EntryEnd::Failed(failure) => Err(match failure {
                GuestFailure::OutOfTime { .. } => "out of time".to_owned(),
                GuestFailure::EntryTimedOut { .. } => "timed out".to_owned(),
                other => other.to_string(),
            }),
            EntryEnd::NotEntered(reason) => Err(reason.to_string()),
            _ => Err("another end".to_owned()),
        };
        self.end.send((self.number, how)).ok();
    }
}

/// Rings of one component, whose ends come in their order.
struct Rings<'a> {
    host: &'a ComponentHost,
    ends: (mpsc::UnboundedSender<RingEnd>, mpsc::UnboundedReceiver<RingEnd>),
}

impl Rings<'_> {
    fn of(host: &ComponentHost) -> Rings<'_> {
        Rings { host, ends: mpsc::unbounded_channel() }
    }

    fn ring_held(&self, number: u32, held: Option<oneshot::Receiver<()>>) -> Result<(), CallRefused> {
        let entrance = self.host.entrance::<Bell>("bell", "test:bell/bell", "ring").expect("it is exported");
        let end = self.ends.0.clone();
        entrance.call(Ring { point: entrance.point(), number, held, rung: None, end }, None)
    }

    fn ring(&self, number: u32) -> Result<(), CallRefused> {
        self.ring_held(number, None)
    }

    async fn end(&mut self) -> RingEnd {
        tokio::time::timeout(SOON, self.ends.1.recv()).await.expect("in time").expect("an end")
    }
}

/// Waits until this is so.
async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("in time");
}

fn bell_engine() -> Engine {
    let services = Services::default().with(Bell);
    let config = EngineConfig { services, max_instances: 20, cache_dir: None, ..in_process() };
    Engine::new(config).expect("an engine")
}

/// Encodes a module as a component of a world.
fn encoded(module: &str, world: &str) -> Vec<u8> {
    let mut module = wat::parse_str(module).expect("the code is WebAssembly text");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("bell.wit", world).expect("the interface");
    let world = resolve.select_world(&[package], Some("guest")).expect("its world");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("a module of its own");
    let mut encoder = ComponentEncoder::default().validate(true).module(&module).expect("it fits the world");
    encoder.encode().expect("a component")
}

fn bell(engine: &Engine) -> Component {
    let world = "package test:bell@0.1.3;
        interface bell { ring: func(number: u32) -> u32; }
        world guest { export bell; }";
    Component::new(engine, &encoded(include_str!("bell.wat"), world)).expect("the guest fits")
}

fn bell_spec() -> ComponentSpec {
    ComponentSpec::new("bell", bell(&bell_engine()))
}

#[tokio::test]
async fn component_without_the_contract_is_entered_in_order_and_keeps_its_state() {
    let host = host();
    host.spawn(bell_spec()).await.unwrap();
    let mut rings = Rings::of(&host);
    for number in 0..5 {
        rings.ring(number).unwrap();
    }
    for number in 0..5 {
        assert_eq!(rings.end().await, (number, Ok(number + 1)));
    }
    host.drained().await;
    let snapshot = host.snapshot();
    let component = &snapshot.components[0];
    assert_eq!((component.received, component.handled, component.dead_lettered), (5, 5, 0), "{component:?}");
    assert!(host.entrance::<Bell>("bell", "test:bell/bell", "toll").is_none());
    assert!(host.entrance::<Bell>("nobody", "test:bell/bell", "ring").is_none());
}

#[tokio::test]
async fn trap_fails_one_call_and_the_next_incarnation_serves_the_next() {
    let host = host();
    let delivery = Delivery::Retry(Retry::default());
    host.spawn(ComponentSpec { delivery, ..bell_spec() }).await.unwrap();
    let mut rings = Rings::of(&host);
    for number in [1, 13, 2] {
        rings.ring(number).unwrap();
    }
    assert_eq!(rings.end().await, (1, Ok(1)));
    let (number, failed) = rings.end().await;
    assert!(number == 13 && failed.as_ref().is_err_and(|text| text.contains("unreachable")), "{failed:?}");
    // A fresh store; the failed call is not tried again.
    assert_eq!(rings.end().await, (2, Ok(1)));
    host.drained().await;
    let letters = host.dead_letters().kept();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert!(matches!(letter.reason, DeadLetterReason::HandlerFailed(_)), "{letter:?}");
    assert_eq!((&*letter.sender, &*letter.receiver, letter.attempts), ("bell", "bell", 1));
    let refused = host.retry_dead_letter(letter.id).unwrap_err();
    let RetryError::Refused { reason, .. } = &refused else { panic!("{refused}") };
    assert!(reason.contains("a call of the service `bell`"), "{reason}");
    assert_eq!(host.dead_letters().kept().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn call_that_exceeds_the_execution_time_fails_as_out_of_time() {
    let host = host();
    let limits = Limits { execution_time: Duration::from_millis(20), ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..bell_spec() }).await.unwrap();
    let mut rings = Rings::of(&host);
    rings.ring(14).unwrap();
    rings.ring(1).unwrap();
    assert_eq!(rings.end().await, (14, Err("out of time".to_owned())));
    assert_eq!(rings.end().await, (1, Ok(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_of_a_call_that_nothing_interrupts_counts() {
    let host = host();
    let limits =
        Limits { execution_time: Duration::from_millis(1), memory_bytes: 128 << 20, ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..bell_spec() }).await.unwrap();
    let mut rings = Rings::of(&host);
    // The first one is seen at its return only; those after it are measured exactly.
    let mut failed = false;
    for _ in 0..3 {
        rings.ring(15).unwrap();
        failed |= rings.end().await == (15, Err("out of time".to_owned()));
    }
    assert!(failed);
}

#[tokio::test(start_paused = true)]
async fn call_that_its_service_gives_up_ends_the_instance() {
    let host = host();
    host.spawn(bell_spec()).await.unwrap();
    let mut rings = Rings::of(&host);
    let (_release, held) = oneshot::channel();
    rings.ring(1).unwrap();
    assert_eq!(rings.end().await, (1, Ok(1)));
    rings.ring_held(2, Some(held)).unwrap();
    rings.ring(3).unwrap();
    let ended = rings.ends.1.recv().await.unwrap();
    assert_eq!(ended, (2, Err("timed out".to_owned())));
    assert_eq!(rings.ends.1.recv().await.unwrap(), (3, Ok(1)), "a fresh store");
}

#[tokio::test]
async fn full_mailbox_refuses_a_call_and_a_retired_component_ends_those_that_wait() {
    let host = host();
    host.spawn(ComponentSpec { capacity: 2, ..bell_spec() }).await.unwrap();
    let mut rings = Rings::of(&host);
    let (release, held) = oneshot::channel();
    rings.ring_held(1, Some(held)).unwrap();
    // One is in the instance, once it has been taken.
    until(|| host.actors("bell")[0].depth() == 0).await;
    rings.ring(2).unwrap();
    rings.ring(3).unwrap();
    assert_eq!(rings.ring(4), Err(CallRefused::MailboxFull));
    let retired = tokio::spawn({
        let host = host.clone();
        async move { host.retire("bell").await }
    });
    until(|| host.entrance::<Bell>("bell", "test:bell/bell", "ring").is_none()).await;
    release.send(()).unwrap();
    assert_eq!(rings.end().await, (1, Ok(1)));
    for number in [2, 3] {
        let stopped = DeadLetterReason::TargetStopped.to_string();
        assert_eq!(rings.end().await, (number, Err(stopped)));
    }
    assert!(retired.await.unwrap());
}

#[tokio::test]
async fn mailbox_that_drops_the_oldest_tells_its_caller() {
    let host = host();
    host.spawn(ComponentSpec { capacity: 1, overflow: Overflow::DropOldest, ..bell_spec() }).await.unwrap();
    let mut rings = Rings::of(&host);
    let (release, held) = oneshot::channel();
    rings.ring_held(1, Some(held)).unwrap();
    until(|| host.actors("bell")[0].depth() == 0).await;
    rings.ring(2).unwrap();
    rings.ring(3).unwrap();
    assert_eq!(rings.end().await, (2, Err(DeadLetterReason::MadeWay.to_string())));
    release.send(()).unwrap();
    assert_eq!(rings.end().await, (1, Ok(1)));
    assert_eq!(rings.end().await, (3, Ok(2)));
}

#[tokio::test]
async fn instance_for_each_call_is_fresh_and_no_more_run_at_once_than_allowed() {
    let host = host();
    host.spawn(ComponentSpec { per_request: Some(2), ..bell_spec() }).await.unwrap();
    let mut rings = Rings::of(&host);
    let (releases, helds): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
    for (number, held) in (1..).zip(helds) {
        rings.ring_held(number, Some(held)).unwrap();
    }
    let [first, second, third] = releases.try_into().unwrap();
    // The third waits for a place, whatever the order of the others.
    third.send(()).unwrap();
    second.send(()).unwrap();
    assert_eq!(rings.end().await, (2, Ok(1)));
    assert_eq!(rings.end().await, (3, Ok(1)));
    first.send(()).unwrap();
    assert_eq!(rings.end().await, (1, Ok(1)));

    rings.ring(13).unwrap();
    let (_, failed) = rings.end().await;
    assert!(failed.is_err_and(|text| text.contains("unreachable")));
    rings.ring(4).unwrap();
    assert_eq!(rings.end().await, (4, Ok(1)));
    host.drained().await;
    let snapshot = host.snapshot();
    let component = &snapshot.components[0];
    assert_eq!((component.received, component.handled, component.dead_lettered), (5, 4, 1), "{component:?}");
    let memory = component.instances[0].usage.iter().find(|usage| usage.name == "memory");
    assert_eq!(memory.map(|usage| usage.used), Some(0), "no store is left");
}

#[tokio::test]
async fn messages_to_a_component_without_the_contract_are_refused() {
    let host = host();
    host.spawn(bell_spec()).await.unwrap();
    let refused = host.send("bell", Codec::Cbor.message(b"x")).await.unwrap_err().to_string();
    assert!(refused.contains("`bell` takes no messages"), "{refused}");
}

#[tokio::test]
async fn component_with_the_contract_has_no_instance_for_each_call() {
    let host = host();
    let refused = host.spawn(ComponentSpec { per_request: Some(2), ..trusted("probe") }).await.unwrap_err();
    assert!(matches!(refused, SpawnError::PerRequest { .. }), "{refused}");
}

#[test]
fn export_that_no_service_enters_is_missing_the_contract() {
    let module = "(module (memory (export \"memory\") 1)
        (func (export \"test:drum/drum@0.1.0#beat\")))";
    let world = "package test:drum@0.1.0;
        interface drum { beat: func(); }
        world guest { export drum; }";
    let refused = Component::new(&bell_engine(), &encoded(module, world)).unwrap_err();
    let LoadError::MissingExports(missing) = &refused else { panic!("{refused}") };
    assert!(missing.iter().any(|name| name.contains("handler@0.2.0#handle-message")), "{missing:?}");
}

#[tokio::test]
async fn export_of_another_type_is_an_error_of_the_start() {
    let module = "(module (memory (export \"memory\") 1)
        (func (export \"test:bell/bell@0.1.0#ring\") (param i64) (result i32) (i32.const 0)))";
    let world = "package test:bell@0.1.0;
        interface bell { ring: func(number: u64) -> u32; }
        world guest { export bell; }";
    let component = Component::new(&bell_engine(), &encoded(module, world)).unwrap();
    let refused = host().spawn(ComponentSpec::new("bell", component)).await.unwrap_err();
    let text = format!("{:?}", refused);
    assert!(text.contains("type mismatch"), "{text}");
}
