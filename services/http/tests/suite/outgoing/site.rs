//! An app whose component sends requests.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use airssys_http::{Http, HttpOptions, Resolve};

use crate::support::{self, Response, Served};

/// Names with the addresses of each lookup. The last ones stay.
#[derive(Clone, Default)]
pub(super) struct Names {
    names: Arc<Mutex<HashMap<String, Vec<Vec<IpAddr>>>>>,
    pub(super) lookups: Arc<AtomicUsize>,
}

impl Names {
    /// Gives a name the addresses that each lookup finds.
    pub(super) fn with(self, name: &str, lookups: &[&[&str]]) -> Names {
        let parsed = |list: &&[&str]| list.iter().map(|address| address.parse().unwrap()).collect();
        self.names.lock().unwrap().insert(name.to_owned(), lookups.iter().map(parsed).collect());
        self
    }

    pub(super) fn local(name: &str) -> Names {
        Names::default().with(name, &[&["127.0.0.1"]])
    }
}

#[async_trait::async_trait]
impl Resolve for Names {
    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        if name == "never.test" {
            std::future::pending::<()>().await;
        }
        let mut names = self.names.lock().unwrap();
        let lookups = names.get_mut(name).ok_or(std::io::ErrorKind::NotFound)?;
        Ok(if lookups.len() > 1 { lookups.remove(0) } else { lookups[0].clone() })
    }
}

/// The app of a test, before it starts.
pub(super) struct Site {
    pub(super) grants: Vec<String>,
    pub(super) limits: String,
    pub(super) service: String,
    pub(super) component: String,
    pub(super) http: String,
    pub(super) names: Names,
}

impl Site {
    /// An app whose component may send requests to these servers.
    pub(super) fn new<const N: usize>(grants: [String; N]) -> Site {
        let (limits, service, component, http, names) = Default::default();
        Site { grants: grants.into(), limits, service, component, http, names }
    }

    /// Adds keys under `[service.http.outgoing]`.
    pub(super) fn service(mut self, keys: &str) -> Site {
        self.service = format!("[service.http.outgoing]\n{keys}\n");
        self
    }

    pub(super) fn limits(mut self, keys: &str) -> Site {
        self.limits = keys.to_owned();
        self
    }

    pub(super) fn component(mut self, keys: &str) -> Site {
        self.component = keys.to_owned();
        self
    }

    pub(super) fn http(mut self, keys: &str) -> Site {
        self.http = keys.to_owned();
        self
    }

    pub(super) fn names(mut self, names: &Names) -> Site {
        self.names = names.clone();
        self
    }

    pub(super) async fn start(self) -> Served {
        let Site { grants, limits, service, component, http, names } = self;
        let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/test-http");
        let guest = guest.display().to_string();
        let component_toml = format!(
            "[component]\nname = \"web\"\nversion = \"0.1.0\"\n[capabilities]\nhttp.outgoing = {grants:?}\n\
             [limits]\n{limits}\n"
        );
        let app_toml = format!(
            "[app]\nname = \"site\"\n\
             [[component]]\nsource = {guest:?}\nmanifest = \"Component.toml\"\n{component}\n\
             [[component]]\nname = \"other\"\nsource = {guest:?}\nmanifest = \"Component.toml\"\n\
             [grants.web]\nhttp.outgoing = {grants:?}\n[grants.other]\nhttp.outgoing = {grants:?}\n\
             {service}\n\
             [[http]]\nlisten = \"127.0.0.1:0\"\n{http}\n\
             [[http.route]]\nhost = \"other\"\npath = \"/{{name}}\"\ncomponent = \"other\"\n\
             [[http.route]]\npath = \"/{{name}}\"\ncomponent = \"web\"\n"
        );
        let service = Http::new(HttpOptions::default().resolver(names));
        support::start(&component_toml, &app_toml, service).await
    }
}

/// Has the component `web` fetch a target.
pub(super) async fn fetch(served: &Served, target: &str) -> Response {
    fetch_with(served, "GET", target, "").await
}

/// The same, with a method, and lines with headers.
pub(super) async fn fetch_with(served: &Served, method: &str, target: &str, headers: &str) -> Response {
    ask(served, method, "/fetch", target, headers).await
}

/// Asks the component for one of its ways to send requests. A body is `body`.
pub(super) async fn ask(served: &Served, method: &str, path: &str, target: &str, headers: &str) -> Response {
    let host = if headers.starts_with("host:") { "" } else { "host: localhost\r\n" };
    let body = if method == "POST" { "body" } else { "" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{host}x-target: {target}\r\n{headers}connection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    served.raw(request.as_bytes()).await
}
