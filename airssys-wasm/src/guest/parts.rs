//! The parts of a component that are compiled, and cached, on their own.
//!
//! componentize-py makes a component of libraries, which are code, and one module with the memory, which
//! is data. A changed line of Python changes only the data. The engine's cache keeps whole artifacts by
//! the hash of their bytes. So the libraries become artifacts of their own, and the rest of the component,
//! its frame, imports them.

mod module_type;

use wasm_encoder::{
    ComponentImportSection, ComponentSectionId, ComponentTypeRef, CoreTypeSection, RawSection,
};
use wasmparser::{Chunk, Instance, Parser, Payload};

use crate::guest::pool::{MAX_CORE_INSTANCES, MAX_INSTANCE_BYTES, MAX_MEMORIES, MAX_TABLES, Room};

/// The least bytes of code that make a module worth an artifact of its own.
const MIN_CODE_BYTES: u32 = 64 << 10;

/// The most libraries of a component. Each is compiled by a process of its own.
const MAX_LIBRARIES: usize = 16;

/// More bytes than the host keeps in an instance for an import, a function, a global or an export.
const ITEM_BYTES: u64 = 40;

/// The prefix of the names by which a frame imports its libraries.
const LIBRARY: &str = "airssys-library-";

/// A component in parts.
pub(crate) struct Parts<'a> {
    /// The component, with an import in place of each library.
    pub(crate) frame: Vec<u8>,
    /// The libraries, with the names of their imports.
    pub(crate) libraries: Vec<(String, &'a [u8])>,
    /// The memories and tables of an instance.
    pub(crate) room: Room,
}

/// Divides a component, which need not be valid. Returns `None` if it has no library, or has something
/// that this function does not know. The component is then compiled as a whole.
///
/// The parts are valid, and behave as the whole does, if the whole is valid. The compiler checks both.
pub(crate) fn divide(wasm: &[u8]) -> Option<Parts<'_>> {
    let mut divided = Divided::default();
    let mut parser = Parser::new(0);
    let mut rest = wasm;
    loop {
        let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(rest, true) else { return None };
        rest = rest.get(consumed..)?;
        if let Payload::ModuleSection { unchecked_range, .. }
        | Payload::ComponentSection { unchecked_range, .. } = &payload
        {
            rest = rest.get(unchecked_range.len()..)?;
        }
        if let Payload::End(_) = payload {
            return divided.finish();
        }
        divided.add(&payload, wasm)?;
    }
}

#[derive(Default)]
struct Divided<'a> {
    frame: wasm_encoder::Component,
    libraries: Vec<(String, &'a [u8])>,
    modules: Vec<Module>,
    room: Room,
    /// The imports, functions, globals and exports of all instances.
    items: u64,
    instances: u32,
}

/// A module of the component.
struct Module {
    /// The memories and tables of an instance.
    room: Room,
    /// The imports, functions, globals and exports of an instance.
    items: u64,
    is_library: bool,
    is_instantiated: bool,
}

impl<'a> Divided<'a> {
    fn add(&mut self, payload: &Payload<'a>, wasm: &'a [u8]) -> Option<()> {
        match payload {
            Payload::Version { encoding: wasmparser::Encoding::Component, .. } => return Some(()),
            Payload::ModuleSection { unchecked_range, .. } => {
                return self.add_module(wasm.get(unchecked_range.clone())?);
            }
            Payload::ComponentSection { unchecked_range, .. } => {
                let nested = wasm.get(unchecked_range.clone())?;
                has_no_core(nested)?;
            }
            Payload::InstanceSection(instances) => {
                for instance in instances.clone() {
                    self.instances = self.instances.checked_add(1)?;
                    if let Instance::Instantiate { module_index, .. } = instance.ok()? {
                        self.instantiate(module_index)?;
                    }
                }
            }
            // Their indices would change.
            Payload::CoreTypeSection(_) => return None,
            Payload::ComponentImportSection(imports) => {
                let mut refs = imports.clone().into_iter();
                let module =
                    |import| matches!(import, Ok(wasmparser::ComponentImport { ty, .. }) if is_module(ty));
                if refs.any(module) {
                    return None;
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                let mut aliases = aliases.clone().into_iter();
                if aliases.any(|alias| alias.is_ok_and(|alias| gives_a_module(&alias))) {
                    return None;
                }
            }
            _ => {}
        }
        let (id, range) = payload.as_section()?;
        self.frame.section(&RawSection { id, data: wasm.get(range)? });
        Some(())
    }

    /// Counts an instance. Returns `None` for a second one of a library, because the pool does not bound
    /// the sum of the instances of imported modules.
    fn instantiate(&mut self, module_index: u32) -> Option<()> {
        let module = self.modules.get_mut(usize::try_from(module_index).ok()?)?;
        if module.is_library && module.is_instantiated {
            return None;
        }
        module.is_instantiated = true;
        self.room = self.room.plus(module.room);
        self.items = self.items.checked_add(module.items)?;
        Some(())
    }

    fn add_module(&mut self, module: &'a [u8]) -> Option<()> {
        let module_type::Described { room, items, code_bytes, module_type } = module_type::describe(module)?;
        let may_be_library = room == Room::default() && code_bytes >= MIN_CODE_BYTES;
        let module_type = module_type.filter(|_| may_be_library);
        let is_library = module_type.is_some();
        self.modules.push(Module { room, items, is_library, is_instantiated: false });
        let Some(module_type) = module_type else {
            let id = ComponentSectionId::CoreModule.into();
            self.frame.section(&RawSection { id, data: module });
            return Some(());
        };
        let index = u32::try_from(self.libraries.len()).ok()?;
        let name = format!("{LIBRARY}{index}");
        let mut types = CoreTypeSection::new();
        types.ty().module(&module_type);
        let mut imports = ComponentImportSection::new();
        imports.import(name.as_str(), ComponentTypeRef::Module(index));
        self.frame.section(&types).section(&imports);
        self.libraries.push((name, module));
        Some(())
    }

    /// The pool checks what the frame has, and not what it imports. So this checks the whole.
    fn finish(self) -> Option<Parts<'a>> {
        let most = Room { memories: MAX_MEMORIES, tables: MAX_TABLES };
        let bytes = self.items.checked_mul(ITEM_BYTES)?;
        let fits = most.holds(self.room)
            && self.instances <= MAX_CORE_INSTANCES
            && self.libraries.len() <= MAX_LIBRARIES
            && bytes <= MAX_INSTANCE_BYTES as u64;
        let Divided { frame, libraries, room, .. } = self;
        (fits && !libraries.is_empty()).then(|| Parts { frame: frame.finish(), libraries, room })
    }
}

fn is_module(ty: wasmparser::ComponentTypeRef) -> bool {
    matches!(ty, wasmparser::ComponentTypeRef::Module(_))
}

fn gives_a_module(alias: &wasmparser::ComponentAlias<'_>) -> bool {
    use wasmparser::{ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind};
    matches!(
        alias,
        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. }
            | ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. }
    )
}

/// Returns `None` if a nested component has modules, or could take them from around it.
fn has_no_core(component: &[u8]) -> Option<()> {
    for payload in Parser::new(0).parse_all(component) {
        match payload.ok()? {
            Payload::ModuleSection { .. } | Payload::InstanceSection(_) | Payload::CoreTypeSection(_) => {
                return None;
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    if gives_a_module(&alias.ok()?) {
                        return None;
                    }
                }
            }
            _ => {}
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
