//! Counts the parts of types as often as the compiler copies them: at each import, export and
//! instantiation.
//!
//! The type of an instance has the types of all instances within it, and the compiler copies it for each use
//! because resources differ. So a chain of types that each name the one before twice doubles with each.

use std::collections::HashMap;
use std::rc::Rc;

use wasmparser::{
    BinaryReader, CanonicalFunction, ComponentAlias, ComponentDefinedType, ComponentExternName,
    ComponentExternalKind, ComponentImport, ComponentInstance, ComponentOuterAliasKind, ComponentType,
    ComponentTypeRef, ComponentTypeSectionReader, ComponentValType, CoreType, Payload, TypeBounds,
};

use super::bound::{Bound, BoundExceeded, Stop};

/// The exports of an instance, or of the instances of a component.
type Exports<'wasm> = HashMap<&'wasm str, (ComponentExternalKind, Type<'wasm>)>;

/// A type, or the type of an item.
#[derive(Clone)]
struct Type<'wasm> {
    /// Its parts, with those of the types that it names.
    parts: u64,
    exports: Option<Rc<Exports<'wasm>>>,
}

impl Type<'_> {
    fn of_parts(parts: u64) -> Self {
        Type { parts, exports: None }
    }
}

/// The types and items that a component, or the type of a component or an instance, knows by index.
#[derive(Default)]
struct Scope<'wasm> {
    /// The items of each kind.
    items: [Vec<Type<'wasm>>; 6],
    core_types: Vec<u64>,
    /// The parts of its imports and exports.
    parts: u64,
    exports: Exports<'wasm>,
}

impl<'wasm> Scope<'wasm> {
    /// Returns the type of an item. An index that is not valid stands for the smallest type, because the
    /// compiler ends there.
    fn item(&self, kind: ComponentExternalKind, index: u32) -> Type<'wasm> {
        self.items[place(kind)].get(index as usize).cloned().unwrap_or(Type::of_parts(1))
    }

    fn push(&mut self, kind: ComponentExternalKind, ty: Type<'wasm>) {
        self.items[place(kind)].push(ty);
    }

    fn ty(&self, index: u32) -> Type<'wasm> {
        self.item(ComponentExternalKind::Type, index)
    }

    fn core_type(&self, index: u32) -> Type<'wasm> {
        Type::of_parts(self.core_types.get(index as usize).copied().unwrap_or(1))
    }

    /// Returns the type to which a reference leads.
    fn referenced(&self, reference: ComponentTypeRef) -> Type<'wasm> {
        match reference {
            ComponentTypeRef::Module(index) => self.core_type(index),
            ComponentTypeRef::Func(index)
            | ComponentTypeRef::Instance(index)
            | ComponentTypeRef::Component(index)
            | ComponentTypeRef::Type(TypeBounds::Eq(index))
            | ComponentTypeRef::Value(ComponentValType::Type(index)) => self.ty(index),
            ComponentTypeRef::Type(TypeBounds::SubResource)
            | ComponentTypeRef::Value(ComponentValType::Primitive(_)) => Type::of_parts(1),
        }
    }

    fn into_type(self) -> Type<'wasm> {
        Type { parts: self.parts.saturating_add(1), exports: Some(Rc::new(self.exports)) }
    }
}

/// Returns the place of a kind's items in a scope.
fn place(kind: ComponentExternalKind) -> usize {
    match kind {
        ComponentExternalKind::Module => 0,
        ComponentExternalKind::Func => 1,
        ComponentExternalKind::Value => 2,
        ComponentExternalKind::Type => 3,
        ComponentExternalKind::Instance => 4,
        ComponentExternalKind::Component => 5,
    }
}

/// The types of a file, as far as it is read.
#[derive(Default)]
pub(super) struct Types<'wasm> {
    /// The components, and the types that are being read, around the current place.
    scopes: Vec<Scope<'wasm>>,
    /// The parts of all values' and functions' types. The compiler has each once, so a use copies no more.
    defined: u64,
    /// The parts of all types, counted at each use.
    parts: u64,
}

impl<'wasm> Types<'wasm> {
    /// Begins a component.
    pub(super) fn begin(&mut self) {
        self.scopes.push(Scope::default());
    }

    /// Ends a component. The component around it knows it from now on.
    pub(super) fn end(&mut self) {
        let ended = self.scopes.pop().map(Scope::into_type);
        if let (Some(ended), Some(around)) = (ended, self.scopes.last_mut()) {
            around.push(ComponentExternalKind::Component, ended);
        }
    }

    /// Takes the types and their uses from a section of the current component.
    pub(super) fn add(&mut self, section: &Payload<'wasm>, wasm: &'wasm [u8]) -> Result<(), Stop> {
        match section {
            Payload::CoreTypeSection(section) => {
                for ty in section.clone() {
                    self.core_type(&ty?)?;
                }
            }
            Payload::ComponentTypeSection(section) => self.types(section, wasm)?,
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    self.alias(&alias?)?;
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    self.import(import?)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    let scope = self.scope();
                    let ty = match export.ty {
                        Some(ty) => scope.referenced(ty),
                        None => scope.item(export.kind, export.index),
                    };
                    self.export(export.name.name, export.kind, ty)?;
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    self.instance(instance?)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    if let CanonicalFunction::Lift { type_index, .. } = function? {
                        let scope = self.scope();
                        let ty = scope.ty(type_index);
                        scope.push(ComponentExternalKind::Func, ty);
                    }
                }
            }
            Payload::ModuleSection { .. } => {
                self.scope().push(ComponentExternalKind::Module, Type::of_parts(1));
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads the types of a section. wasmparser reads types within types by recursion without a bound.
    fn types(&mut self, section: &ComponentTypeSectionReader<'wasm>, wasm: &'wasm [u8]) -> Result<(), Stop> {
        let range = section.range();
        let mut reader = BinaryReader::new(wasm.get(range.clone()).unwrap_or_default(), range.start);
        for _ in 0..reader.read_var_u32()? {
            let ty = self.ty(&mut reader, 1)?;
            self.scope().push(ComponentExternalKind::Type, ty);
        }
        Ok(())
    }

    fn ty(&mut self, reader: &mut BinaryReader<'wasm>, depth: u64) -> Result<Type<'wasm>, Stop> {
        const OF_A_COMPONENT: u8 = 0x41;
        const OF_AN_INSTANCE: u8 = 0x42;
        Bound::TypeDepth.check(depth)?;
        let mut ahead = reader.clone();
        if !matches!(ahead.read_u8()?, OF_A_COMPONENT | OF_AN_INSTANCE) {
            return self.flat(&reader.read()?);
        }
        *reader = ahead;
        self.count(1)?;
        self.begin();
        for _ in 0..reader.read_var_u32()? {
            self.declaration(reader, depth)?;
        }
        Ok(self.scopes.pop().unwrap_or_default().into_type())
    }

    /// Reads a declaration within the type of a component or an instance.
    fn declaration(&mut self, reader: &mut BinaryReader<'wasm>, depth: u64) -> Result<(), Stop> {
        match reader.read_u8()? {
            0x00 => self.core_type(&reader.read()?)?,
            0x01 => {
                let ty = self.ty(reader, depth + 1)?;
                self.scope().push(ComponentExternalKind::Type, ty);
            }
            0x02 => self.alias(&reader.read()?)?,
            0x03 => self.import(reader.read()?)?,
            0x04 => {
                let (name, reference): (ComponentExternName<'_>, ComponentTypeRef) =
                    (reader.read()?, reader.read()?);
                let ty = self.scope().referenced(reference);
                self.export(name.name, reference.kind(), ty)?;
            }
            _ => return Err(Stop::Invalid),
        }
        Ok(())
    }

    /// Counts a type that has no types within it, but can name others.
    fn flat(&mut self, ty: &ComponentType<'_>) -> Result<Type<'wasm>, Stop> {
        let (own, named) = parts(ty);
        self.count(own)?;
        self.defined = self.defined.saturating_add(own);
        let scope = self.scope();
        let named = named.into_iter().map(|value| match value {
            ComponentValType::Type(index) => scope.ty(index).parts,
            ComponentValType::Primitive(_) => 0,
        });
        let all = named.fold(own, u64::saturating_add);
        Ok(Type::of_parts(all.min(self.defined)))
    }

    fn core_type(&mut self, ty: &CoreType<'_>) -> Result<(), BoundExceeded> {
        let parts = match ty {
            CoreType::Rec(group) => group.types().len() as u64,
            CoreType::Module(declarations) => declarations.len() as u64 + 1,
        };
        self.scope().core_types.push(parts);
        self.count(parts)
    }

    fn alias(&mut self, alias: &ComponentAlias<'wasm>) -> Result<(), BoundExceeded> {
        match *alias {
            ComponentAlias::InstanceExport { kind, instance_index, name } => {
                let scope = self.scope();
                let instance = scope.item(ComponentExternalKind::Instance, instance_index);
                let found = instance.exports.as_ref().and_then(|exports| exports.get(name));
                let ty = found.filter(|(found, _)| *found == kind).map(|(_, ty)| ty.clone());
                scope.push(kind, ty.unwrap_or(Type::of_parts(1)));
            }
            ComponentAlias::Outer { kind, count, index } => {
                let outer = self.scopes.len().checked_sub(1 + count as usize);
                let outer = outer.and_then(|outer| self.scopes.get(outer));
                let kind = match kind {
                    ComponentOuterAliasKind::CoreModule => ComponentExternalKind::Module,
                    ComponentOuterAliasKind::Type => ComponentExternalKind::Type,
                    ComponentOuterAliasKind::Component => ComponentExternalKind::Component,
                    ComponentOuterAliasKind::CoreType => {
                        let parts = outer.map_or(1, |outer| outer.core_type(index).parts);
                        self.scope().core_types.push(parts);
                        return self.count(1);
                    }
                };
                let ty = outer.map_or(Type::of_parts(1), |outer| outer.item(kind, index));
                self.scope().push(kind, ty);
            }
            ComponentAlias::CoreInstanceExport { .. } => {}
        }
        self.count(1)
    }

    fn import(&mut self, import: ComponentImport<'wasm>) -> Result<(), BoundExceeded> {
        let ty = self.scope().referenced(import.ty);
        self.declared(import.ty.kind(), ty)
    }

    fn export(
        &mut self,
        name: &'wasm str,
        kind: ComponentExternalKind,
        ty: Type<'wasm>,
    ) -> Result<(), BoundExceeded> {
        self.scope().exports.insert(name, (kind, ty.clone()));
        self.declared(kind, ty)
    }

    /// Adds an import or an export, which is a further item of its kind.
    fn declared(&mut self, kind: ComponentExternalKind, ty: Type<'wasm>) -> Result<(), BoundExceeded> {
        let parts = ty.parts.saturating_add(1);
        let scope = self.scope();
        scope.parts = scope.parts.saturating_add(parts);
        scope.push(kind, ty);
        self.count(parts)
    }

    fn instance(&mut self, instance: ComponentInstance<'wasm>) -> Result<(), BoundExceeded> {
        let scope = self.scope();
        let ty = match instance {
            ComponentInstance::Instantiate { component_index, .. } => {
                scope.item(ComponentExternalKind::Component, component_index)
            }
            ComponentInstance::FromExports(exports) => {
                let mut made = Scope::default();
                for export in exports {
                    let ty = scope.item(export.kind, export.index);
                    made.parts = made.parts.saturating_add(ty.parts).saturating_add(1);
                    made.exports.insert(export.name.name, (export.kind, ty));
                }
                made.into_type()
            }
        };
        let parts = ty.parts;
        scope.push(ComponentExternalKind::Instance, ty);
        self.count(parts)
    }

    /// The innermost scope. There is always one, because sections of types are in components.
    fn scope(&mut self) -> &mut Scope<'wasm> {
        if self.scopes.is_empty() {
            self.begin();
        }
        let innermost = self.scopes.len() - 1;
        &mut self.scopes[innermost]
    }

    fn count(&mut self, parts: u64) -> Result<(), BoundExceeded> {
        self.parts = self.parts.saturating_add(parts);
        Bound::TypeParts.check(self.parts)
    }
}

/// Returns the number of a type's own parts, and the types that it names.
fn parts(ty: &ComponentType<'_>) -> (u64, Vec<ComponentValType>) {
    let (names, named): (usize, Vec<ComponentValType>) = match ty {
        ComponentType::Func(ty) => (0, ty.params.iter().map(|(_, ty)| *ty).chain(ty.result).collect()),
        ComponentType::Defined(ty) => match ty {
            ComponentDefinedType::Record(fields) => (0, fields.iter().map(|(_, ty)| *ty).collect()),
            ComponentDefinedType::Variant(cases) => {
                (cases.len(), cases.iter().filter_map(|case| case.ty).collect())
            }
            ComponentDefinedType::Tuple(types) => (0, types.to_vec()),
            ComponentDefinedType::Flags(names) | ComponentDefinedType::Enum(names) => (names.len(), vec![]),
            ComponentDefinedType::List(ty)
            | ComponentDefinedType::Option(ty)
            | ComponentDefinedType::FixedLengthList(ty, _) => (0, vec![*ty]),
            ComponentDefinedType::Map(key, value) => (0, vec![*key, *value]),
            ComponentDefinedType::Result { ok, err } => (0, ok.iter().chain(err).copied().collect()),
            ComponentDefinedType::Future(ty) | ComponentDefinedType::Stream(ty) => {
                (0, ty.iter().copied().collect())
            }
            ComponentDefinedType::Own(_)
            | ComponentDefinedType::Borrow(_)
            | ComponentDefinedType::Primitive(_) => (0, vec![]),
        },
        // Types that contain others are read one by one.
        ComponentType::Component(_) | ComponentType::Instance(_) | ComponentType::Resource { .. } => {
            (0, vec![])
        }
    };
    ((names + named.len()) as u64 + 1, named)
}
