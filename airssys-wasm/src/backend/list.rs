//! The list of a program's backends, and the configuration of an app's backends and labels.

use std::collections::BTreeMap;
use std::sync::Arc;

use airssys_spec::manifest::{BackendTable, Diagnostics, LabelTable, Runtime};
use airssys_spec::{Capabilities, UsePattern};

use crate::backend::erased::{AnyBackend, Erased};
use crate::backend::product::{Backend, Labels};
use crate::backend::set::{BackendSet, ConfiguredBackend, ConfiguredLabel};

/// The name of the backend that a service has without configuration.
pub(crate) const LOCAL: &str = "local";

/// The backends of a program. Cheap to clone.
#[derive(Clone, Default)]
pub struct Backends(Vec<Arc<dyn AnyBackend>>);

impl std::fmt::Debug for Backends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.types()).finish()
    }
}

impl Backends {
    /// Adds a product. It replaces an earlier one of the same type.
    #[must_use]
    pub fn with(mut self, backend: impl Backend) -> Backends {
        let backend: Arc<dyn AnyBackend> = Arc::new(Erased::new(backend));
        self.0.retain(|known| known.kind() != backend.kind());
        self.0.push(backend);
        self
    }

    /// Returns the types of the products, in the order in which they were added.
    pub fn types(&self) -> Vec<&'static str> {
        self.0.iter().map(|backend| backend.kind()).collect()
    }

    /// Configures the backends and the labels of a runtime configuration, without connecting.
    /// `services` are the services of the program that have labels, by name. `used` are the rights of
    /// the app's components: a label that no component may use is a mistake. Pass `None` to skip that.
    ///
    /// # Errors
    /// Every mistake in any of the tables, and between them.
    pub fn configure(
        &self,
        runtime: &Runtime,
        services: &BTreeMap<&'static str, Labels>,
        used: Option<&[&Capabilities]>,
    ) -> Result<BackendSet, Diagnostics> {
        let mut build = Build { list: self, runtime, services, used, backends: BTreeMap::new(), found: None };
        for table in runtime.backends() {
            build.backend(table);
        }
        let mut labels = BTreeMap::new();
        for entry in runtime.labels() {
            if let Some(label) = build.label(entry) {
                labels.insert((entry.service().to_owned(), entry.label().to_owned()), label);
            }
        }
        for (service, of) in services {
            let all = ((*service).to_owned(), "*".to_owned());
            // A service whose embedded default this program lacks is missed when a label is opened.
            if !labels.contains_key(&all) && self.of_type(of.default_type).is_some() {
                let entry = runtime.implied_label(service, "*", LOCAL);
                labels.extend(build.label(&entry).map(|label| (all, label)));
            }
        }
        match build.found {
            Some(found) => Err(found),
            None => Ok(BackendSet::new(build.backends.into_values().flatten().collect(), labels)),
        }
    }

    fn of_type(&self, kind: &str) -> Option<&Arc<dyn AnyBackend>> {
        self.0.iter().find(|backend| backend.kind() == kind)
    }
}

/// The configuration of a runtime configuration, on its way.
struct Build<'a> {
    list: &'a Backends,
    runtime: &'a Runtime,
    services: &'a BTreeMap<&'static str, Labels>,
    used: Option<&'a [&'a Capabilities]>,
    /// Each backend by its name; `None` if its table is wrong.
    backends: BTreeMap<String, Option<Arc<ConfiguredBackend>>>,
    found: Option<Diagnostics>,
}

impl Build<'_> {
    fn report<T>(&mut self, result: Result<T, Diagnostics>) -> Option<T> {
        match (result, &mut self.found) {
            (Ok(value), _) => return Some(value),
            (Err(more), Some(found)) => found.append(more),
            (Err(more), found) => *found = Some(more),
        }
        None
    }

    fn backend(&mut self, table: &BackendTable) {
        let configured = match self.list.of_type(table.kind()) {
            Some(backend) => {
                let config = backend.configure(table);
                let backend = Arc::clone(backend);
                self.report(config)
                    .map(|config| Arc::new(ConfiguredBackend::new(table.name().to_owned(), backend, config)))
            }
            None => {
                let types = self.list.types().join(", ");
                let message = format!("this program has no backend of the type `{}`", table.kind());
                self.report::<()>(Err(table.fault(message, format!("the types are {types}"))));
                None
            }
        };
        self.backends.insert(table.name().to_owned(), configured);
    }

    /// Returns the backend of a name: that of its table, or else that of a type without a table.
    fn named(&mut self, entry: &LabelTable, labels: &Labels) -> Option<Arc<ConfiguredBackend>> {
        let name = entry.backend();
        if !self.backends.contains_key(name) {
            let kind = if name == LOCAL { labels.default_type } else { name };
            // One backend serves all labels that name it as `local` or by its type.
            if !self.backends.contains_key(kind) {
                if self.list.of_type(kind).is_none() {
                    let names: Vec<_> = self.runtime.backends().iter().map(BackendTable::name).collect();
                    let names = [names, self.list.types()].concat().join(", ");
                    let message = format!("there is no [backend.{name}]");
                    let help = format!("add that table, or write one of {names}");
                    self.report::<()>(Err(entry.fault(message, help)));
                    return None;
                }
                self.backend(&self.runtime.implied(kind, kind));
            }
            return self.backends.get(kind)?.clone();
        }
        self.backends.get(name)?.clone()
    }

    fn label(&mut self, entry: &LabelTable) -> Option<ConfiguredLabel> {
        let service = entry.service();
        let Some(labels) = self.services.get(service) else {
            let names: Vec<_> = self.services.keys().copied().collect();
            let message = format!("this program has no service `{service}` with labels");
            let help = match names.is_empty() {
                true => "remove the table".to_owned(),
                false => format!("the services with labels are {}", names.join(", ")),
            };
            self.report::<()>(Err(entry.service_fault(message, help)));
            return None;
        };
        self.check_use(entry);
        let backend = self.named(entry, labels)?;
        let Some(served) = backend.product.served().get(&labels.of) else {
            let kind = backend.product.kind();
            let of = |backend: &&Arc<dyn AnyBackend>| backend.served().contains_key(&labels.of);
            let able: Vec<_> = self.list.0.iter().filter(of).map(|backend| backend.kind()).collect();
            let message = format!("a backend of the type `{kind}` does not serve `{service}`");
            let help = format!("write a backend of one of the types {}", able.join(", "));
            self.report::<()>(Err(entry.fault(message, help)));
            return None;
        };
        let options = self.report((served.read)(entry))?;
        Some(ConfiguredLabel { of: labels.of, backend, options })
    }

    /// Reports a label that no component may use, unless other apps read the same source.
    fn check_use(&mut self, entry: &LabelTable) {
        let Some(used) = self.used.filter(|_| !entry.is_for_all() && !entry.is_shared()) else { return };
        let path = format!("{}/{}", entry.service(), entry.label());
        let Ok(uses) = UsePattern::parse(&path) else { return };
        let overlaps = |right: &UsePattern| right.overlaps(&uses);
        if !used.iter().any(|rights| rights.uses.iter().any(overlaps)) {
            let message = format!("no component may use `{path}`");
            let help = format!("grant a component `use = [\"{path}:read\"]`, or remove the label");
            self.report::<()>(Err(entry.label_fault(message, help)));
        }
    }
}
