//! An app that embeds airssys: native actors and components side by side.

mod ledger;
mod prices;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use airssys_rt::{ActorSystem, ChildSnapshot, SupervisionStrategy, SupervisorSnapshot, SupervisorSpec};
use airssys_wasm::{
    Accepts, CallError, Capabilities, Capability, Codec, Component, ComponentHost, ComponentSpec, Engine,
    EngineConfig, NativeSpec, Services, builder,
};
use serde_json::{Value, json};

use ledger::Ledger;
use prices::{PriceList, Prices};

const SOON: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Compiles a component and exits, if this process was started for that.
    airssys_wasm::compile_worker();
    let prices = PriceList::from([(("fruit", "apple"), 40), (("tools", "saw"), 1_900)]);
    // The list of services: this line adds the app's own interface.
    let services = Services::default().with(Prices(prices.into()));
    let engine = Engine::new(EngineConfig { services, ..EngineConfig::default() })?;
    let (till, printer) = (load(&engine, "till")?, load(&engine, "printer")?);

    // The tree: `shop` is the root, and `floor` restarts each of its children that fails.
    let system = ActorSystem::new("shop");
    let host = ComponentHost::new(system.clone());
    let floor = SupervisorSpec::new("floor").strategy(SupervisionStrategy::OneForOne);
    let floor = system.supervise(floor).await?;

    // Components and native actors have the same kinds of rights. Without one, nothing is allowed.
    let printer =
        ComponentSpec { accepts: Accepts::only(Codec::Json), ..ComponentSpec::new("printer", printer) };
    host.spawn_under(&floor, printer).await?;
    let ledger = NativeSpec {
        accepts: Accepts::only(Codec::Json),
        capabilities: Capabilities { send: vec!["printer".parse()?], ..Capabilities::default() },
        ..NativeSpec::new("ledger")
    };
    host.spawn_native_under(&floor, ledger, Ledger::new).await?;
    let till = ComponentSpec {
        accepts: Accepts::only(Codec::Json),
        capabilities: Capabilities {
            request: vec!["ledger".parse()?],
            uses: vec!["prices/fruit:read".parse()?],
            ..Capabilities::default()
        },
        ..ComponentSpec::new("till", till)
    };
    host.spawn_under(&floor, till).await?;
    let tree = draw(&host.snapshot().tree);
    println!("tree:       {tree}");
    assert_eq!(tree, "shop(floor(printer ledger till))");

    // A request from outside: the till asks the host for a price and the ledger for the total.
    let receipt = order(&host, "fruit", "apple", 3).await?;
    println!("3 apples:   {receipt}");
    assert_eq!(receipt, json!({ "cents": 120, "total_cents": 120 }));

    // The till has no right to `prices/tools:read`. The host counts the denial, and says how to allow it.
    let refused = order(&host, "tools", "saw", 1).await.unwrap_err().to_string();
    println!("a saw:      {refused}");
    assert!(refused.contains("access-denied"), "{refused}");
    let denied = &host.denials()[0];
    println!("denied:     {} may not use {}", denied.component, denied.object.as_deref().unwrap_or_default());
    assert_eq!(denied.object.as_deref(), Some("prices/tools:read"));

    // Rights change while the app runs: the next call sees it.
    host.revoke("till", Capability::Use, "prices/fruit:read")?;
    let refused = order(&host, "fruit", "apple", 1).await.unwrap_err().to_string();
    assert!(refused.contains("access-denied"), "{refused}");
    host.grant("till", Capability::Use, "prices/fruit:read")?;
    let receipt = order(&host, "fruit", "apple", 1).await?;
    println!("regranted:  {receipt}");
    assert_eq!(receipt, json!({ "cents": 40, "total_cents": 160 }));

    // A failure: the sender hears of it at once, the message is a dead letter, and the supervisor
    // restarts the ledger.
    let failed = host.request("ledger", Codec::Json.message(b"nonsense"), SOON).await.unwrap_err();
    println!("a failure:  {failed}");
    assert!(matches!(failed, CallError::NoReply { .. }), "{failed:?}");
    let letters = host.dead_letters().kept();
    let letter = letters.last().ok_or("there are no dead letters")?;
    println!("dead:       {}: {}", letter.receiver, letter.reason);
    assert_eq!((letters.len(), &*letter.receiver), (3, "ledger"), "two orders were rejected before");
    let receipt = order(&host, "fruit", "apple", 2).await?;
    println!("restarted:  {receipt}");
    assert_eq!(receipt, json!({ "cents": 80, "total_cents": 80 }), "the new ledger begins at 0");

    // The ledger sent a line to the printer for each payment.
    let lines = ask(&host, "printer", &json!({ "lines": true })).await?;
    println!("printer:    {lines}");
    assert_eq!(
        lines,
        json!(["apple: 120 cents, for till", "apple: 40 cents, for till", "apple: 80 cents, for till"])
    );

    // Each function of a service is counted for each component.
    let snapshot = host.snapshot();
    for component in &snapshot.components {
        for calls in &component.service_calls {
            println!(
                "calls:      {} {}.{}: {}, {} failed",
                component.name, calls.service, calls.function, calls.calls, calls.errors
            );
            assert_eq!((calls.calls, calls.errors), (5, 2));
        }
    }

    // Stops the last started first.
    let report = host.shutdown(SOON).await;
    println!("stopped:    {}", report.stopped.join(", "));
    assert_eq!(report.stopped, ["till", "ledger", "printer"]);
    assert!(report.late.is_empty(), "{report:?}");
    Ok(())
}

/// Builds a component of this folder, and loads it.
fn load(engine: &Engine, name: &str) -> Result<Component, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("components").join(name);
    let wasm = builder::build(&folder, |_| {})?;
    Ok(Component::load(engine, &wasm)?)
}

async fn order(
    host: &ComponentHost,
    shelf: &str,
    article: &str,
    count: u64,
) -> Result<Value, Box<dyn Error>> {
    ask(host, "till", &json!({ "shelf": shelf, "article": article, "count": count })).await
}

/// Sends a request in JSON from outside, and waits for the reply.
async fn ask(host: &ComponentHost, target: &str, request: &Value) -> Result<Value, Box<dyn Error>> {
    let reply = host.request(target, Codec::Json.message(request.to_string().as_bytes()), SOON).await?;
    let (_, body) = Codec::split(&reply)?;
    Ok(serde_json::from_slice(body)?)
}

/// Draws a supervisor with its children.
fn draw(supervisor: &SupervisorSnapshot) -> String {
    let children = supervisor.children.iter().map(|child| match child {
        ChildSnapshot::Supervisor(below) => draw(below),
        ChildSnapshot::Actor(actor) => actor.name.clone(),
        _ => String::new(),
    });
    format!("{}({})", supervisor.name, children.collect::<Vec<_>>().join(" "))
}
