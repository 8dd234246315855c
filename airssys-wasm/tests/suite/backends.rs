//! Backends: the products behind the labels of a service, and their connections.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use airssys_rt::BoxError;
use airssys_wasm::manifest::{BackendTable, Diagnostics, Runtime, RuntimeSource, Variables};
use airssys_wasm::{
    Backend, BackendSet, Backends, Capabilities, Entry, GuestState, Interface, Labels, OpenError, Serves,
    Service, Services,
};
use wasmtime::component::Linker;

/// The trait of a service with labels.
trait Shelf: Send + Sync {
    fn describe(&self) -> String;
}

/// The trait of another service.
trait Cellar: Send + Sync {}

/// A service with labels and without functions.
struct Shelves;

impl Service for Shelves {
    const NAME: &'static str = "shelves";

    type Config = ();
    type Connection = ();
    type Data = ();

    fn interfaces(&self) -> Vec<Interface> {
        Vec::new()
    }

    fn labels(&self) -> Option<Labels> {
        Some(Labels::of::<dyn Shelf>("wood"))
    }

    fn link(&self, _: &mut Linker<GuestState>, _: Entry) -> wasmtime::Result<()> {
        Ok(())
    }
}

struct Cellars;

impl Service for Cellars {
    const NAME: &'static str = "cellars";

    type Config = ();
    type Connection = ();
    type Data = ();

    fn interfaces(&self) -> Vec<Interface> {
        Vec::new()
    }

    fn labels(&self) -> Option<Labels> {
        Some(Labels::of::<dyn Cellar>("stone"))
    }

    fn link(&self, _: &mut Linker<GuestState>, _: Entry) -> wasmtime::Result<()> {
        Ok(())
    }
}

/// A product that serves shelves, and counts its connections.
#[derive(Clone, Default)]
struct Wood {
    connected: Arc<AtomicU32>,
    refusals: Arc<AtomicU32>,
}

struct Board(String);

impl Shelf for Board {
    fn describe(&self) -> String {
        self.0.clone()
    }
}

impl Backend for Wood {
    const TYPE: &'static str = "wood";

    type Config = String;
    type Client = String;

    fn configure(&self, table: &BackendTable) -> Result<String, Diagnostics> {
        table.read(|table| table.text("kind", "\"oak\"").unwrap_or("oak").to_owned())
    }

    async fn connect(&self, kind: &String) -> Result<String, BoxError> {
        self.connected.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let refused =
            self.refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if refused.is_ok() || kind == "wet" { Err("the wood is wet".into()) } else { Ok(kind.clone()) }
    }

    async fn describe(&self, kind: &String) -> Result<String, BoxError> {
        if kind == "stone" {
            std::future::pending::<()>().await;
        }
        Ok(format!("{kind} 1.0"))
    }

    fn serves(&self, serves: &mut Serves<Wood>) {
        serves.label::<dyn Shelf, _>(
            |label| label.read(|table| table.text("paint", "\"red\"").unwrap_or("no").to_owned()),
            |kind, paint, label| Arc::new(Board(format!("{label} of {kind} with {paint} paint"))),
        );
    }
}

fn configure(wood: &Wood, text: &str, used: Option<&[&Capabilities]>) -> Result<BackendSet, Diagnostics> {
    let sources = vec![RuntimeSource::new("runtime.toml", text)];
    let runtime = Runtime::parse(sources, Variables::default(), None)?;
    let services = Services::default().with(Shelves).with(Cellars);
    Backends::default().with(wood.clone()).configure(&runtime, &services.labels(), used)
}

async fn open(backends: &BackendSet, label: &str) -> Result<String, OpenError> {
    backends.open::<dyn Shelf>("shelves", label).await.map(|shelf| shelf.describe())
}

#[tokio::test]
async fn labels_on_one_table_share_its_connection() {
    let wood = Wood::default();
    let text = "[backend.pine]\ntype = \"wood\"\nkind = \"pine\"\n\n[shelves]\nbooks = \"pine\"\n\
                cups = { backend = \"pine\", paint = \"red\" }\n\"*\" = \"local\"\n";
    let backends = configure(&wood, text, None).unwrap();
    let (books, cups) = tokio::join!(open(&backends, "books"), open(&backends, "cups"));
    assert_eq!(books.unwrap(), "books of pine with no paint");
    assert_eq!(cups.unwrap(), "cups of pine with red paint");
    assert_eq!(wood.connected.load(Ordering::Relaxed), 1);
    let (one, other) = tokio::join!(
        backends.open::<dyn Shelf>("shelves", "books"),
        backends.open::<dyn Shelf>("shelves", "books")
    );
    assert!(Arc::ptr_eq(&one.unwrap(), &other.unwrap()));
    // Another label is on the embedded default, which has a connection of its own.
    assert_eq!(open(&backends, "tools").await.unwrap(), "tools of oak with no paint");
    assert_eq!(wood.connected.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn without_configuration_a_label_is_on_the_embedded_default() {
    let backends = configure(&Wood::default(), "", None).unwrap();
    assert_eq!(open(&backends, "books").await.unwrap(), "books of oak with no paint");
    let none = backends.open::<dyn Cellar>("cellars", "wine").await.map(drop).unwrap_err();
    assert_eq!(none.to_string(), "no backend serves the label `wine` of `cellars`");
}

#[tokio::test(start_paused = true)]
async fn backend_that_cannot_connect_is_tried_again_by_later_calls() {
    let wood = Wood { refusals: Arc::new(AtomicU32::new(2)), ..Wood::default() };
    let backends = configure(&wood, "", None).unwrap();
    let failed = open(&backends, "books").await.unwrap_err();
    assert_eq!(failed.to_string(), "the backend `wood` is unavailable: the wood is wet");
    // Before the delay is over, a call fails without an attempt.
    open(&backends, "cups").await.unwrap_err();
    assert_eq!(wood.connected.load(Ordering::Relaxed), 1);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    open(&backends, "books").await.unwrap_err();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(open(&backends, "books").await.is_ok());
    assert_eq!(wood.connected.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn check_asks_every_backend_for_its_version() {
    let text = "[backend.a]\ntype = \"wood\"\nkind = \"wet\"\n[backend.b]\ntype = \"wood\"\nkind = \"pine\"\n\
                [shelves]\n\"*\" = \"b\"";
    let reports = configure(&Wood::default(), text, None).unwrap().check().await;
    let reports: Vec<_> = reports
        .iter()
        .map(|report| (&*report.name, report.kind, report.answer.as_ref().map_err(ToString::to_string)))
        .collect();
    let refused = "the backend `a` is unavailable: the wood is wet".to_owned();
    assert_eq!(reports, [("a", "wood", Err(refused)), ("b", "wood", Ok(&"pine 1.0".to_owned()))]);
}

#[tokio::test(start_paused = true)]
async fn check_ends_although_a_product_does_not_answer() {
    let text = "[backend.a]\ntype = \"wood\"\nkind = \"stone\"\n[shelves]\n\"*\" = \"a\"";
    let reports = configure(&Wood::default(), text, None).unwrap().check().await;
    let answer = reports[0].answer.as_ref().unwrap_err().to_string();
    assert_eq!(answer, "the backend `a` is unavailable: it did not answer within 10 s");
}

#[tokio::test]
async fn check_asks_only_backends_of_labels_that_a_component_may_use() {
    let text = "[backend.a]\ntype = \"wood\"\n[backend.b]\ntype = \"wood\"\n[backend.c]\ntype = \"wood\"\n\
                [shelves]\nbooks = \"a\"\n\"*\" = \"b\"\n";
    let asked = async |right: &str| {
        let uses = vec!["shelves/books:read".parse().unwrap(), right.parse().unwrap()];
        let rights = Capabilities { uses, ..Capabilities::default() };
        let set = configure(&Wood::default(), text, Some(&[&rights])).unwrap();
        set.check().await.into_iter().map(|report| report.name).collect::<Vec<_>>()
    };
    // A table without a label is there to be asked.
    assert_eq!(asked("shelves/books:write").await, ["a", "c"]);
    assert_eq!(asked("cellars/wine:read").await, ["a", "c"]);
    for right in ["shelves/cups:read", "shelves/*:read", "shelves"] {
        assert_eq!(asked(right).await, ["a", "b", "c"], "{right}");
    }
}

#[tokio::test(start_paused = true)]
async fn checks_run_at_once() {
    let table = |name: &str| format!("[backend.{name}]\ntype = \"wood\"\nkind = \"stone\"\n");
    let text = ["a", "b", "c"].map(table).concat();
    let began = tokio::time::Instant::now();
    assert_eq!(configure(&Wood::default(), &text, None).unwrap().check().await.len(), 4);
    assert_eq!(began.elapsed(), std::time::Duration::from_secs(10));
}

#[test]
fn every_mistake_between_backends_labels_and_services_is_reported_before_anything_connects() {
    let wood = Wood::default();
    let text = "[backend.main]\ntype = \"wod\"\n[backend.pine]\ntype = \"wood\"\nknd = \"pine\"\n\
                [backend.oak]\ntype = \"wood\"\n\n\
                [shelves]\nbooks = \"oka\"\ncups = { backend = \"oak\", pain = \"red\" }\nplates = \"oak\"\n\n\
                [cellars]\n\"*\" = \"oak\"\n\n[attics]\n\"*\" = \"oak\"\n";
    let uses = ["shelves/books:read", "shelves/c*:read", "shelves/cups:read"];
    let uses = uses.iter().filter_map(|right| right.parse().ok()).collect();
    let rights = Capabilities { uses, ..Capabilities::default() };
    let found = configure(&wood, text, Some(&[&rights])).unwrap_err();
    let found: Vec<_> = found.iter().map(|d| format!("{}:{}: {}", d.line, d.column, d.message)).collect();
    assert_eq!(
        found,
        [
            "2:8: this program has no backend of the type `wod`",
            "5:1: [backend.pine] has no key `knd`",
            "10:9: there is no [backend.oka]",
            "11:27: [shelves.cups] has no key `pain`",
            "12:1: no component may use `shelves/plates`",
            "15:7: a backend of the type `wood` does not serve `cellars`",
            "17:2: this program has no service `attics` with labels",
        ]
    );
    assert_eq!(wood.connected.load(Ordering::Relaxed), 0);
}

#[test]
fn label_of_a_source_that_apps_share_may_be_unused() {
    let (wood, rights) = (Wood::default(), Capabilities::default());
    let runtime = RuntimeSource::new(Path::new("user.toml"), "[shelves]\nbooks = \"wood\"\n").shared();
    let runtime = Runtime::parse(vec![runtime], Variables::default(), None).unwrap();
    let services = Services::default().with(Shelves);
    let set = Backends::default().with(wood).configure(&runtime, &services.labels(), Some(&[&rights]));
    assert!(set.is_ok(), "{set:?}");
}

/// A product for the labels of both services under the type of [`Wood`].
struct Other;

impl Cellar for Other {}

impl Backend for Other {
    const TYPE: &'static str = Wood::TYPE;

    type Config = ();
    type Client = ();

    fn configure(&self, table: &BackendTable) -> Result<(), Diagnostics> {
        table.read(|table| {
            table.text("kind", "\"oak\"");
        })
    }

    async fn connect(&self, (): &()) -> Result<(), BoxError> {
        Ok(())
    }

    async fn describe(&self, (): &()) -> Result<String, BoxError> {
        Ok("other".to_owned())
    }

    fn serves(&self, serves: &mut Serves<Other>) {
        serves.label::<dyn Cellar, _>(|label| label.read(|_| ()), |_, (), _| Arc::new(Other));
    }
}

#[tokio::test]
async fn products_of_one_type_serve_different_services() {
    let backends = Backends::default().with(Wood::default()).with(Other).with(Other);
    assert_eq!(backends.types(), [Wood::TYPE]);
    let text = "[backend.main]\ntype = \"wood\"\n[shelves]\na = \"main\"\n[cellars]\nb = \"main\"\n";
    let sources = vec![RuntimeSource::new("runtime.toml", text)];
    let runtime = Runtime::parse(sources, Variables::default(), None).unwrap();
    let services = Services::default().with(Shelves).with(Cellars).labels();
    let set = backends.configure(&runtime, &services, None).unwrap();
    assert!(set.open::<dyn Shelf>("shelves", "a").await.is_ok());
    assert!(set.open::<dyn Cellar>("cellars", "b").await.is_ok());
    let reports = set.check().await;
    let main: Vec<_> = reports.iter().filter(|report| report.name == "main").collect();
    assert_eq!(main.len(), 2, "{reports:?}");
}
