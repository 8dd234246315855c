//! The list of a program's backends, and the configuration of an app's backends and labels.

use std::collections::BTreeMap;
use std::path::PathBuf;
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
    /// Adds a product. It replaces an earlier one of the same type that serves one of the same traits.
    ///
    /// Products of one type serve different services under one name, such as `memory`. Each of them
    /// reads the tables of that type, so they have the same keys.
    #[must_use]
    pub fn with(mut self, backend: impl Backend) -> Backends {
        let backend: Arc<dyn AnyBackend> = Arc::new(Erased::new(backend));
        let serves_the_same = |known: &Arc<dyn AnyBackend>| {
            known.served().is_empty() || known.served().keys().any(|of| backend.served().contains_key(of))
        };
        self.0.retain(|known| known.kind() != backend.kind() || !serves_the_same(known));
        self.0.push(backend);
        self
    }

    /// Returns the types of the products, in the order in which they were added.
    pub fn types(&self) -> Vec<&'static str> {
        let mut types = Vec::new();
        for backend in &self.0 {
            if !types.contains(&backend.kind()) {
                types.push(backend.kind());
            }
        }
        types
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
        let mut build = Build::new(self, runtime, services, used);
        for table in runtime.backends() {
            build.backend(table);
        }
        let mut labels = Vec::new();
        for entry in runtime.labels() {
            labels.extend(build.label(entry).map(|label| (entry.clone(), label)));
        }
        for (service, of) in services {
            let has_all = |(entry, _): &(LabelTable, _)| entry.service() == *service && entry.is_for_all();
            // A service whose embedded default this program lacks is missed when a label is opened.
            if !labels.iter().any(has_all) && self.has_type(of.default_type) && build.may_use(service) {
                let entry = runtime.implied_label(service, "*", LOCAL);
                labels.extend(build.implied(&entry).map(|label| (entry, label)));
            }
        }
        build.check_apart(&labels);
        match build.found.take() {
            Some(found) => Err(found),
            None => {
                let backends = build.asked(&labels);
                let key = |entry: &LabelTable| (entry.service().to_owned(), entry.label().to_owned());
                let labels = labels.into_iter().map(|(entry, label)| (key(&entry), label));
                Ok(BackendSet::new(backends, labels.collect()))
            }
        }
    }

    fn of_type(&self, kind: &str) -> impl Iterator<Item = &Arc<dyn AnyBackend>> {
        self.0.iter().filter(move |backend| backend.kind() == kind)
    }

    fn has_type(&self, kind: &str) -> bool {
        self.of_type(kind).next().is_some()
    }
}

/// The configuration of a runtime configuration, on its way.
struct Build<'a> {
    list: &'a Backends,
    runtime: &'a Runtime,
    services: &'a BTreeMap<&'static str, Labels>,
    used: Option<&'a [&'a Capabilities]>,
    /// The products of each backend's type by its name; `None` if its table is wrong.
    backends: BTreeMap<String, Option<Vec<Arc<ConfiguredBackend>>>>,
    /// The backends that use a file or a folder.
    paths: BTreeMap<PathBuf, String>,
    found: Option<Diagnostics>,
}

impl<'a> Build<'a> {
    fn new(
        list: &'a Backends,
        runtime: &'a Runtime,
        services: &'a BTreeMap<&'static str, Labels>,
        used: Option<&'a [&'a Capabilities]>,
    ) -> Build<'a> {
        let (backends, paths) = (BTreeMap::new(), BTreeMap::new());
        Build { list, runtime, services, used, backends, paths, found: None }
    }

    fn report<T>(&mut self, result: Result<T, Diagnostics>) -> Option<T> {
        match (result, &mut self.found) {
            (Ok(value), _) => return Some(value),
            (Err(more), Some(found)) => found.append(more),
            (Err(more), found) => *found = Some(more),
        }
        None
    }

    fn backend(&mut self, table: &BackendTable) {
        let products: Vec<_> = self.list.of_type(table.kind()).map(Arc::clone).collect();
        if products.is_empty() {
            let types = self.list.types().join(", ");
            let message = format!("this program has no backend of the type `{}`", table.kind());
            self.report::<()>(Err(table.fault(message, format!("the types are {types}"))));
        }
        let mut configured = (!products.is_empty()).then(Vec::new);
        for product in products {
            let backend = ConfiguredBackend::read(product, table);
            // Other products of the type find the same mistakes.
            let Some(backend) = self.report(backend).map(Arc::new) else {
                configured = None;
                break;
            };
            self.check_path(table, &backend);
            if let Some(configured) = &mut configured {
                configured.push(backend);
            }
        }
        self.backends.insert(table.name().to_owned(), configured);
    }

    /// Reports a file or a folder that another backend uses.
    fn check_path(&mut self, table: &BackendTable, backend: &ConfiguredBackend) {
        let Some(path) = backend.exclusive_path() else { return };
        let path = std::path::absolute(&path).unwrap_or(path);
        match self.paths.get(&path) {
            Some(other) if other != table.name() => {
                let message =
                    format!("the backend `{}` uses {}, as `{other}` does", table.name(), path.display());
                self.report::<()>(Err(table.fault(message, "give each of them a path of its own")));
            }
            _ => drop(self.paths.insert(path, table.name().to_owned())),
        }
    }

    /// Reports labels on one backend that share their data.
    fn check_apart(&mut self, labels: &[(LabelTable, ConfiguredLabel)]) {
        let on_the_same = |one: &ConfiguredLabel, other: &ConfiguredLabel| {
            one.of == other.of && Arc::ptr_eq(&one.backend, &other.backend)
        };
        for (first, (_, label)) in labels.iter().enumerate() {
            let is_first = !labels[..first].iter().any(|(_, other)| on_the_same(label, other));
            let apart =
                label.backend.product.served().get(&label.of).and_then(|served| served.apart.as_ref());
            if let Some(apart) = apart.filter(|_| is_first) {
                let same = labels.iter().filter(|(_, other)| on_the_same(label, other));
                let same: Vec<_> = same.map(|(entry, label)| (entry, &label.options)).collect();
                self.report(apart(&*label.backend.config(), &same));
            }
        }
    }

    /// Returns the backends that a check asks: those of labels that a component may use, and those of tables
    /// without a label.
    fn asked(&self, labels: &[(LabelTable, ConfiguredLabel)]) -> Vec<Arc<ConfiguredBackend>> {
        let mut asked = Vec::new();
        for products in self.backends.values().flatten() {
            let on = |product: &Arc<ConfiguredBackend>, label: &ConfiguredLabel| {
                Arc::ptr_eq(&label.backend, product)
            };
            let has_label = |product| labels.iter().any(|(_, label)| on(product, label));
            let is_used = |product: &&Arc<ConfiguredBackend>| {
                labels.iter().any(|(entry, label)| on(product, label) && self.is_used(entry, labels))
            };
            match products.iter().any(has_label) {
                true => asked.extend(products.iter().filter(is_used).cloned()),
                false => asked.extend(products.first().cloned()),
            }
        }
        asked
    }

    /// Returns true if a component may use a label of this entry.
    fn is_used(&self, entry: &LabelTable, labels: &[(LabelTable, ConfiguredLabel)]) -> bool {
        let Some(used) = self.used else { return true };
        let service = entry.service();
        let named = labels.iter().filter(|(other, _)| other.service() == service && !other.is_for_all());
        let named =
            named.filter_map(|(other, _)| UsePattern::parse(&format!("{service}/{}", other.label())).ok());
        let named: Vec<_> = named.collect();
        let path = match entry.is_for_all() {
            true => service.to_owned(),
            false => format!("{service}/{}", entry.label()),
        };
        let Ok(meant) = UsePattern::parse(&path) else { return true };
        // A right to one label with an entry of its own says nothing about all others.
        let is_meant = |right: &UsePattern| {
            right.overlaps(&meant) && !(entry.is_for_all() && named.iter().any(|label| label.covers(right)))
        };
        used.iter().any(|rights| rights.uses.iter().any(is_meant))
    }

    /// Returns the products of a name: those of its table, or else those of a type without a table.
    fn named(&mut self, entry: &LabelTable, labels: &Labels) -> Option<Vec<Arc<ConfiguredBackend>>> {
        let name = entry.backend();
        if !self.backends.contains_key(name) {
            let kind = if name == LOCAL { labels.default_type } else { name };
            // One backend serves all labels that name it as `local` or by its type.
            if !self.backends.contains_key(kind) {
                if !self.list.has_type(kind) {
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
        let products = self.named(entry, labels)?;
        let serves = |backend: &&Arc<ConfiguredBackend>| backend.product.served().contains_key(&labels.of);
        let backend = products.iter().find(serves).or(products.first())?;
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
        Some(ConfiguredLabel { of: labels.of, backend: Arc::clone(backend), options })
    }

    /// Returns true if a component may use a label of the service, or if that is unknown.
    fn may_use(&self, service: &str) -> bool {
        let Ok(all) = UsePattern::parse(service) else { return true };
        self.used
            .is_none_or(|used| used.iter().any(|rights| rights.uses.iter().any(|use_| use_.overlaps(&all))))
    }

    /// Configures a label for which nothing is written. Its mistakes, such as an absent key, are reported
    /// only if a component may use it.
    fn implied(&mut self, entry: &LabelTable) -> Option<ConfiguredLabel> {
        let found = self.found.clone();
        let label = self.label(entry);
        if self.used.is_none() {
            self.found = found;
        }
        label
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
