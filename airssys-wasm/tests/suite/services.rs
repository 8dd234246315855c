//! The door for services: an interface of the embedder's own, with a real guest behind it.

use std::path::Path;
use std::time::{Duration, Instant};

use airssys_message::Codec;
use airssys_rt::{BoxError, RestartPolicy};
use airssys_wasm::manifest::{Diagnostics, ServiceTable};
use airssys_wasm::{
    Capabilities, Capability, Component, ComponentHost, ComponentSpec, Engine, EngineConfig, Entry,
    GuestState, HasService, HostOptions, Interface, Limits, LoadError, Service, ServiceCall, ServiceConfigs,
    ServiceError, ServiceInstance, Services, UseError, Waits,
};
use wasmtime::component::Linker;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use crate::support::*;

wasmtime::component::bindgen!({
    inline: "
        package test:door@0.1.0;
        interface door { open: func(room: string) -> result<u32, string>; }
        world host { import door; }
    ",
    world: "host",
});

/// The same interface, with functions that wait.
mod waiting {
    wasmtime::component::bindgen!({
        inline: "
            package test:door@0.1.0;
            interface door { open: func(room: string) -> result<u32, string>; }
            world host { import door; }
        ",
        world: "host",
        imports: { default: async },
    });
}

/// The world of the guest.
const GUEST: &str = "
    package test:door@0.1.0;
    interface door { open: func(room: string) -> result<u32, string>; }
    world guest { include airssys:component/component@0.2.0; import door; }
";

/// A door with a number of keys for each instance, which its table gives.
struct Door {
    reachable: bool,
}

/// The keys of one instance, and those that it has used.
struct Keys {
    all: u32,
    used: u32,
}

impl Service for Door {
    const NAME: &'static str = "door";

    type Config = u32;
    type Connection = u32;
    type Data = Keys;

    fn interfaces(&self) -> Vec<Interface> {
        vec![Interface { name: "test:door/door", version: "0.1.0", waits: Waits::Never }]
    }

    fn link(&self, linker: &mut Linker<GuestState>, _entry: Entry) -> wasmtime::Result<()> {
        test::door::door::add_to_linker::<_, HasService<Door>>(linker, GuestState::service::<Door>)
    }

    fn configure(&self, table: &ServiceTable) -> Result<u32, Diagnostics> {
        table.read(|table| table.count("keys", 1..=9, 3).map_or(3, |keys| keys as u32))
    }

    async fn connect(&self, keys: &u32) -> Result<u32, BoxError> {
        if self.reachable { Ok(*keys) } else { Err("nobody has the keys".into()) }
    }

    fn prepare(&self, keys: &u32, instance: &ServiceInstance<'_>) -> Result<Keys, BoxError> {
        assert_eq!((instance.app(), instance.component()), ("test", "guest"));
        Ok(Keys { all: *keys, used: 0 })
    }
}

impl test::door::door::Host for ServiceCall<'_, Door> {
    fn open(&mut self, room: String) -> Result<u32, String> {
        self.count("open", |call| {
            call.admit().map_err(|error| error.to_string())?;
            call.may_use(&room, "open").map_err(|error| match error {
                UseError::Denied(_) => "access-denied".to_owned(),
                _ => "not a room".to_owned(),
            })?;
            let keys = call.data().map_err(|error| error.to_string())?;
            if keys.used == keys.all {
                return Err("no key is left".to_owned());
            }
            keys.used += 1;
            Ok(keys.used)
        })
    }
}

/// A door without configuration, connection or data, which takes its time.
struct SlowDoor;

const SLOW: Duration = Duration::from_millis(50);

impl Service for SlowDoor {
    const NAME: &'static str = "slow-door";

    type Config = ();
    type Connection = ();
    type Data = ();

    fn interfaces(&self) -> Vec<Interface> {
        vec![Interface { name: "test:door/door", version: "0.1.0", waits: Waits::Always }]
    }

    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()> {
        match entry {
            Entry::Direct => Ok(()),
            Entry::Fiber => waiting::test::door::door::add_to_linker::<_, HasService<SlowDoor>>(
                linker,
                GuestState::service::<SlowDoor>,
            ),
        }
    }
}

impl waiting::test::door::door::Host for ServiceCall<'_, SlowDoor> {
    async fn open(&mut self, _room: String) -> Result<u32, String> {
        let began = Instant::now();
        tokio::time::sleep(SLOW).await;
        self.record("open", began, true);
        Ok(7)
    }
}

fn engine_with(services: Services) -> Engine {
    let max_instances = 20;
    Engine::new(EngineConfig { services, max_instances, cache_dir: None, ..in_process() }).expect("an engine")
}

fn guest_bytes() -> Vec<u8> {
    let mut module = wat::parse_str(include_str!("door.wat")).expect("the code is WebAssembly text");
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    resolve.push_path(contract).expect("the contract");
    let package = resolve.push_str("door.wit", GUEST).expect("the interface");
    let world = resolve.select_world(&[package], Some("guest")).expect("its world");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("a module of its own");
    let mut encoder = ComponentEncoder::default().validate(true).module(&module).expect("it fits the world");
    encoder.encode().expect("a component")
}

/// The guest, with the right to open the room `study`.
fn guest(engine: &Engine) -> ComponentSpec {
    let uses = vec!["door/study:open".parse().expect("a right")];
    ComponentSpec {
        capabilities: Capabilities { uses, ..Capabilities::default() },
        ..ComponentSpec::new("guest", Component::new(engine, &guest_bytes()).expect("the guest fits"))
    }
}

fn services() -> Services {
    Services::default().with(Door { reachable: true })
}

/// Asks an instance of the guest to open a room: the number of keys used, or the text of the refusal.
async fn open(host: &ComponentHost, instance: &str, room: &str) -> Result<u8, String> {
    let reply = host.request(instance, Codec::Cbor.message(room.as_bytes()), SOON).await;
    reply.map(|reply| reply[1]).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_function_of_a_service_needs_the_right_at_every_call() {
    let host = host();
    host.spawn(guest(&engine_with(services()))).await.unwrap();

    assert_eq!(open(&host, "guest", "study").await, Ok(1));
    let denied = open(&host, "guest", "cellar").await.unwrap_err();
    assert!(denied.contains("access-denied"), "{denied}");
    let invalid = open(&host, "guest", "the study").await.unwrap_err();
    assert!(invalid.contains("not a room"), "{invalid}");
    // A wildcard from the guest is neither a room nor a right that an operator is told to grant.
    for room in ["*", "study/*"] {
        let invalid = open(&host, "guest", room).await.unwrap_err();
        assert!(invalid.contains("not a room"), "{room}: {invalid}");
    }
    let denials = host.denials();
    assert_eq!(denials.len(), 1, "{denials:?}");
    assert_eq!(denials[0].object.as_deref(), Some("door/cellar:open"));

    host.revoke("guest", Capability::Use, "door/study:open").unwrap();
    let revoked = open(&host, "guest", "study").await.unwrap_err();
    assert!(revoked.contains("access-denied"), "{revoked}");
    host.grant("guest", Capability::Use, "door/study:open").unwrap();
    assert_eq!(open(&host, "guest", "study").await, Ok(2));
}

#[tokio::test]
async fn calls_of_a_service_are_counted_with_errors_and_time() {
    let host = host();
    host.spawn(guest(&engine_with(services()))).await.unwrap();
    open(&host, "guest", "study").await.unwrap();
    open(&host, "guest", "study").await.unwrap();
    open(&host, "guest", "cellar").await.unwrap_err();
    let snapshot = host.snapshot();
    let [calls] = snapshot.components[0].service_calls.as_slice() else { panic!("{snapshot:?}") };
    assert_eq!((calls.service.as_str(), calls.function.as_str()), ("door", "open"));
    assert_eq!((calls.calls, calls.errors), (3, 1));
    assert!(calls.time_ns > 0);
}

#[tokio::test]
async fn instances_and_incarnations_have_data_of_their_own() {
    let host = host();
    let spec = ComponentSpec { instances: 2, ..guest(&engine_with(services())) };
    host.spawn(spec).await.unwrap();
    for used in 1..=3 {
        assert_eq!(open(&host, "guest/1", "study").await, Ok(used));
    }
    assert_eq!(open(&host, "guest/2", "study").await, Ok(1));
    let empty = open(&host, "guest/1", "study").await.unwrap_err();
    assert!(empty.contains("no key is left"), "{empty}");
}

#[tokio::test]
async fn calls_of_services_beyond_the_limit_of_a_component_are_refused_and_counted() {
    let host = host();
    let limits = Limits { service_calls_per_second: 1, ..Limits::default() };
    host.spawn(ComponentSpec { instances: 2, limits, ..guest(&engine_with(services())) }).await.unwrap();
    assert_eq!(open(&host, "guest/1", "study").await, Ok(1));
    // Both instances share the limit.
    let refused = open(&host, "guest/2", "study").await.unwrap_err();
    assert!(refused.contains("more than 1 calls of services in a second"), "{refused}");
    let calls = &host.snapshot().components[0].service_calls[0];
    assert_eq!((calls.calls, calls.errors), (2, 1));
}

#[test]
fn an_interface_without_a_service_is_named_with_its_function() {
    let refused = Component::new(engine(), &guest_bytes()).unwrap_err();
    let LoadError::UnknownImports(imports) = refused else { panic!("{refused}") };
    assert_eq!(imports, ["test:door/door@0.1.0#open"]);
}

fn configure(table: &str) -> Result<ServiceConfigs, Diagnostics> {
    services().configure(&ServiceTable::parse(table, Path::new("app.toml"))?)
}

#[tokio::test]
async fn a_service_reads_its_table() {
    let services = configure("[service.door]\nkeys = 1\n").unwrap();
    let options = HostOptions { services, ..HostOptions::default() };
    let host = ComponentHost::with_options(airssys_rt::ActorSystem::new("test"), options).expect("a host");
    host.spawn(guest(&engine_with(self::services()))).await.unwrap();
    assert_eq!(open(&host, "guest", "study").await, Ok(1));
    assert!(open(&host, "guest", "study").await.is_err());
}

#[test]
fn a_wrong_table_is_reported_with_its_place() {
    let wrong = configure("[service.door]\nkeys = 70\nlocks = 2\n\n[service.window]\n").unwrap_err();
    let text = wrong.to_string();
    assert_eq!(wrong.iter().count(), 3, "{text}");
    assert!(text.contains("app.toml:2:8"), "{text}");
    assert!(text.contains("app.toml:3:1") && text.contains("locks"), "{text}");
    assert!(text.contains("no service `window`"), "{text}");
    let plain = Services::default().with(SlowDoor);
    let table = ServiceTable::parse("[service.slow-door]\nkeys = 1\n", Path::new("app.toml")).unwrap();
    let wrong = plain.configure(&table).unwrap_err();
    assert!(wrong.to_string().contains("keys"), "a service without a configuration has no keys: {wrong}");
}

/// A door whose table has to be written.
struct KeptDoor;

impl Service for KeptDoor {
    const NAME: &'static str = "kept-door";

    type Config = u32;
    type Connection = ();
    type Data = ();

    fn interfaces(&self) -> Vec<Interface> {
        SlowDoor.interfaces()
    }

    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()> {
        SlowDoor.link(linker, entry)
    }

    fn configure(&self, table: &ServiceTable) -> Result<u32, Diagnostics> {
        let keys = table.read(|table| table.count("keys", 0..=9, 0).map_or(0, |keys| keys as u32))?;
        if keys > 0 { Ok(keys) } else { Err(table.fault("has no keys", "write `keys = 1`")) }
    }

    async fn connect(&self, _: &u32) -> Result<(), BoxError> {
        panic!("a check connects to nothing")
    }
}

#[test]
fn component_whose_service_lacks_its_table_is_found_by_a_check() {
    let services = Services::default().with(KeptDoor);
    let component = guest(&engine_with(services.clone())).component;
    let configs = |text: &str| {
        let tables = ServiceTable::parse(text, Path::new("app.toml")).unwrap();
        services.configure(&tables).unwrap()
    };
    component.check_services(&configs("[service.kept-door]\nkeys = 1\n")).unwrap();
    let missing = component.check_services(&configs("")).unwrap_err();
    let text = "the service `kept-door` is not configured; write [service.kept-door] into the app.toml";
    assert_eq!(missing.to_string(), text);
}

#[tokio::test]
async fn a_service_that_cannot_connect_stops_the_start() {
    let host = host();
    let spec = guest(&engine_with(Services::default().with(Door { reachable: false })));
    let spec = ComponentSpec { restart: RestartPolicy::Temporary, ..spec };
    let failed = host.connect(&spec.component).await.unwrap_err();
    assert_eq!(failed.to_string(), "the service `door` cannot connect");
    let ServiceError::Connect { source, .. } = failed else { panic!("{failed}") };
    assert_eq!(source.to_string(), "nobody has the keys");

    let failed = host.spawn(spec).await.unwrap_err();
    let text = format!("{failed:?}");
    assert!(text.contains("nobody has the keys"), "{text}");
    assert!(host.names().is_empty());
}

/// A door whose backend takes this long to answer.
struct DistantDoor(Duration);

impl Service for DistantDoor {
    const NAME: &'static str = "distant-door";

    type Config = ();
    type Connection = u8;
    type Data = ();

    fn interfaces(&self) -> Vec<Interface> {
        SlowDoor.interfaces()
    }

    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()> {
        SlowDoor.link(linker, entry)
    }

    async fn connect(&self, (): &()) -> Result<u8, BoxError> {
        tokio::time::sleep(self.0).await;
        Ok(1)
    }
}

#[tokio::test(start_paused = true)]
async fn service_whose_backend_does_not_answer_fails_to_connect() {
    let second = Duration::from_secs(1);
    for (takes, connects) in [(29 * second, true), (31 * second, false), (Duration::MAX, false)] {
        let host = host();
        let spec = guest(&engine_with(Services::default().with(DistantDoor(takes))));
        let connected = host.connect(&spec.component).await;
        assert_eq!(connected.is_ok(), connects, "{takes:?}: {connected:?}");
        if let Err(ServiceError::Connect { service, source }) = connected {
            assert_eq!(
                (service, &*source.to_string()),
                ("distant-door", "its backend did not answer within 30 s")
            );
        }
    }
}

#[tokio::test]
async fn a_function_that_waits_runs_on_a_fiber_and_costs_no_execution_time() {
    let host = host();
    let spec = guest(&engine_with(Services::default().with(SlowDoor)));
    assert!(spec.component.runs_on_fiber());
    let limits = Limits { execution_time: SLOW / 2, ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..spec }).await.unwrap();
    assert_eq!(open(&host, "guest", "study").await, Ok(7));
    let snapshot = host.snapshot();
    let calls = &snapshot.components[0].service_calls[0];
    assert_eq!((calls.service.as_str(), calls.calls), ("slow-door", 1));
    assert!(calls.time_ns >= SLOW.as_nanos() as u64);
}

#[test]
fn two_services_cannot_have_one_name() {
    let services = services().with(Door { reachable: true });
    let error = Engine::new(EngineConfig { services, cache_dir: None, ..in_process() });
    let error = error.unwrap_err().to_string();
    assert_eq!(
        error,
        "`door` cannot name a service; use lower-case words joined by `-` that no other service has"
    );
}
