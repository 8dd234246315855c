//! Counts the instances of a component as they are laid out: each component is counted as often as it is
//! instantiated. The walk follows the instantiations, and ends where a bound is exceeded.

use std::collections::HashMap;

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Payload,
};

use super::bound::{Bound, BoundExceeded};

/// The definitions of components in a file. The first is the file itself.
#[derive(Default)]
pub(super) struct Definitions<'wasm> {
    all: Vec<Definition<'wasm>>,
}

#[derive(Default)]
struct Definition<'wasm> {
    items: u64,
    core_instances: u64,
    steps: Vec<Step<'wasm>>,
}

/// The sorts of things that lead to instances.
#[derive(Clone, Copy)]
enum Sort {
    Component,
    Instance,
}

type Named<'wasm> = (&'wasm str, Sort, u32);

/// An item that adds to the components or the instances that a component knows, or to its exports.
enum Step<'wasm> {
    Nested(usize),
    Outer { count: u32, index: u32 },
    Import(&'wasm str, Sort),
    Instantiate { component: u32, args: Vec<Named<'wasm>> },
    Collect(Vec<Named<'wasm>>),
    Alias { sort: Sort, instance: u32, name: &'wasm str },
    Export(Named<'wasm>),
}

fn sort(kind: ComponentExternalKind) -> Option<Sort> {
    match kind {
        ComponentExternalKind::Component => Some(Sort::Component),
        ComponentExternalKind::Instance => Some(Sort::Instance),
        _ => None,
    }
}

impl<'wasm> Definitions<'wasm> {
    /// Begins a component within another. Returns its index.
    pub(super) fn begin(&mut self, parent: Option<usize>) -> usize {
        let index = self.all.len();
        self.all.push(Definition::default());
        if let Some(parent) = parent {
            self.all[parent].steps.push(Step::Nested(index));
        }
        index
    }

    /// Adds the items of a section to a component.
    pub(super) fn add(
        &mut self,
        component: usize,
        section: Payload<'wasm>,
        count: u64,
    ) -> Result<(), BinaryReaderError> {
        let Definition { items, core_instances, steps } = &mut self.all[component];
        *items += count;
        match section {
            Payload::InstanceSection(_) => *core_instances += count,
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    match alias? {
                        ComponentAlias::InstanceExport { kind, instance_index, name } => {
                            steps.extend(sort(kind).map(|sort| Step::Alias {
                                sort,
                                instance: instance_index,
                                name,
                            }));
                        }
                        ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                            steps.push(Step::Outer { count, index });
                        }
                        _ => {}
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    let named = |name, kind, index| sort(kind).map(|sort| (name, sort, index));
                    steps.push(match instance? {
                        ComponentInstance::Instantiate { component_index, args } => {
                            *items += args.len() as u64;
                            let args = args.iter().filter_map(|arg| named(arg.name, arg.kind, arg.index));
                            Step::Instantiate { component: component_index, args: args.collect() }
                        }
                        ComponentInstance::FromExports(exports) => {
                            *items += exports.len() as u64;
                            let all =
                                exports.iter().filter_map(|one| named(one.name.name, one.kind, one.index));
                            Step::Collect(all.collect())
                        }
                    });
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import?;
                    match import.ty {
                        ComponentTypeRef::Component(_) => {
                            steps.push(Step::Import(import.name.name, Sort::Component));
                        }
                        ComponentTypeRef::Instance(_) => {
                            steps.push(Step::Import(import.name.name, Sort::Instance));
                        }
                        _ => {}
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    steps.extend(
                        sort(export.kind).map(|sort| Step::Export((export.name.name, sort, export.index))),
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// A component with the scope in which it was defined.
#[derive(Clone, Copy)]
struct Closure {
    definition: usize,
    scope: Option<usize>,
}

#[derive(Clone, Copy)]
enum Value {
    Component(Closure),
    /// The index of an instance's exports.
    Instance(usize),
}

type Exports<'wasm> = HashMap<&'wasm str, Value>;

/// The components that an instantiated component knows. `None` stands for one that the file does not have.
#[derive(Default)]
struct Scope {
    parent: Option<usize>,
    components: Vec<Option<Closure>>,
}

/// The walk. Its work is bounded by [`Bound::LaidOutItems`], because each step is an item.
pub(super) struct Layout<'file, 'wasm> {
    definitions: &'file [Definition<'wasm>],
    scopes: Vec<Scope>,
    instances: Vec<Exports<'wasm>>,
    items: u64,
    core_instances: u64,
}

impl<'file, 'wasm> Layout<'file, 'wasm> {
    /// Checks the bounds of the component that the file is.
    pub(super) fn check(definitions: &'file Definitions<'wasm>) -> Result<(), BoundExceeded> {
        let definitions = &definitions.all[..];
        let (scopes, instances) = (Vec::new(), Vec::new());
        let mut layout = Layout { definitions, scopes, instances, items: 0, core_instances: 0 };
        if !definitions.is_empty() {
            layout.instantiate(Closure { definition: 0, scope: None }, &Exports::new(), 1)?;
        }
        Ok(())
    }

    /// Lays out a component. Returns the index of the instance.
    fn instantiate(
        &mut self,
        component: Closure,
        args: &Exports<'wasm>,
        depth: u64,
    ) -> Result<usize, BoundExceeded> {
        let definition = &self.definitions[component.definition];
        self.items = self.items.saturating_add(definition.items).saturating_add(1);
        self.core_instances = self.core_instances.saturating_add(definition.core_instances);
        Bound::LaidOutItems.check(self.items)?;
        Bound::CoreInstances.check(self.core_instances)?;
        Bound::InstantiationDepth.check(depth)?;
        let scope = self.scopes.len();
        self.scopes.push(Scope { parent: component.scope, components: Vec::new() });
        let mut inside = Inside { scope, instances: Vec::new(), exports: Exports::new() };
        for step in &definition.steps {
            self.step(&mut inside, step, args, depth)?;
        }
        Ok(self.keep(inside.exports))
    }

    fn step(
        &mut self,
        inside: &mut Inside<'wasm>,
        step: &Step<'wasm>,
        args: &Exports<'wasm>,
        depth: u64,
    ) -> Result<(), BoundExceeded> {
        let scope = inside.scope;
        match step {
            Step::Nested(definition) => {
                let closure = Closure { definition: *definition, scope: Some(scope) };
                self.scopes[scope].components.push(Some(closure));
            }
            Step::Outer { count, index } => {
                let outer = (0..*count).try_fold(scope, |scope, _| self.scopes[scope].parent);
                let found = outer.and_then(|outer| self.component(outer, *index));
                self.scopes[scope].components.push(found);
            }
            Step::Import(name, sort) => self.push(inside, *sort, args.get(name).copied()),
            Step::Instantiate { component, args } => {
                let args = self.named(inside, args);
                let instance = match self.component(scope, *component) {
                    Some(component) => Some(self.instantiate(component, &args, depth + 1)?),
                    None => None,
                };
                inside.instances.push(instance);
            }
            Step::Collect(named) => {
                let exports = self.named(inside, named);
                inside.instances.push(Some(self.keep(exports)));
            }
            Step::Alias { sort, instance, name } => {
                let instance = inside.instance(*instance);
                let found = instance.and_then(|instance| self.instances[instance].get(name).copied());
                self.push(inside, *sort, found);
            }
            Step::Export((name, sort, index)) => {
                let found = self.value(inside, *sort, *index);
                inside.exports.extend(found.map(|value| (*name, value)));
                // An export is a further item of its sort.
                self.push(inside, *sort, found);
            }
        }
        Ok(())
    }

    fn keep(&mut self, exports: Exports<'wasm>) -> usize {
        self.instances.push(exports);
        self.instances.len() - 1
    }

    fn push(&mut self, inside: &mut Inside<'wasm>, sort: Sort, value: Option<Value>) {
        match (sort, value) {
            (Sort::Component, Some(Value::Component(component))) => {
                self.scopes[inside.scope].components.push(Some(component));
            }
            (Sort::Component, _) => self.scopes[inside.scope].components.push(None),
            (Sort::Instance, Some(Value::Instance(instance))) => inside.instances.push(Some(instance)),
            (Sort::Instance, _) => inside.instances.push(None),
        }
    }

    fn named(&self, inside: &Inside<'wasm>, named: &[Named<'wasm>]) -> Exports<'wasm> {
        let values = named.iter().map(|(name, sort, index)| (*name, self.value(inside, *sort, *index)));
        values.filter_map(|(name, value)| Some((name, value?))).collect()
    }

    fn value(&self, inside: &Inside<'wasm>, sort: Sort, index: u32) -> Option<Value> {
        match sort {
            Sort::Component => self.component(inside.scope, index).map(Value::Component),
            Sort::Instance => inside.instance(index).map(Value::Instance),
        }
    }

    fn component(&self, scope: usize, index: u32) -> Option<Closure> {
        self.scopes[scope].components.get(index as usize).copied().flatten()
    }
}

/// A component while it is laid out.
struct Inside<'wasm> {
    scope: usize,
    instances: Vec<Option<usize>>,
    exports: Exports<'wasm>,
}

impl Inside<'_> {
    fn instance(&self, index: u32) -> Option<usize> {
        self.instances.get(index as usize).copied().flatten()
    }
}
