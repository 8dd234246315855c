//! The type of a module: its imports and exports.

use std::collections::HashSet;

use wasm_encoder::{EntityType, GlobalType, MemoryType, ModuleType, RefType, TableType, ValType};
use wasmparser::{Chunk, ExternalKind, Parser, Payload, TypeRef};

use crate::guest::pool::Room;

/// A module, as far as a component that imports it has to know.
pub(super) struct Described {
    /// The memories and tables that it defines.
    pub(super) room: Room,
    /// Its imports, functions, globals and exports, for which an instance has data of the host.
    pub(super) items: u64,
    /// The size of its code.
    pub(super) code_bytes: u32,
    /// Its type. `None` if it has something that a library of componentize-py has not.
    pub(super) module_type: Option<ModuleType>,
}

/// Describes a module, which need not be valid. Returns `None` if it cannot be read.
pub(super) fn describe(module: &[u8]) -> Option<Described> {
    let mut items = Items::default();
    let (mut parser, mut rest) = (Parser::new(0), module);
    let (mut room, mut count, mut code_bytes) = (Room::default(), 0_u64, 0);
    let mut known = true;
    loop {
        let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(rest, true) else { return None };
        rest = rest.get(consumed..)?;
        match payload {
            Payload::CodeSectionStart { size, .. } => {
                code_bytes = size;
                parser.skip_section();
                rest = rest.get(usize::try_from(size).ok()?..)?;
            }
            Payload::End(_) => break,
            payload => {
                count = count.checked_add(instance_items(&payload))?;
                room = room.plus(room_of(&payload));
                known = known && items.add(payload).is_some();
            }
        }
    }
    let module_type = known.then(|| items.module_type()).flatten();
    Some(Described { room, items: count, code_bytes, module_type })
}

/// Returns the number of a section's imports, functions, globals or exports.
fn instance_items(section: &Payload<'_>) -> u64 {
    match section {
        // One entry of this section can stand for several imports.
        Payload::ImportSection(imports) => imports.clone().into_imports().count() as u64,
        Payload::FunctionSection(functions) => functions.count().into(),
        Payload::GlobalSection(globals) => globals.count().into(),
        Payload::ExportSection(exports) => exports.count().into(),
        _ => 0,
    }
}

/// Returns the memories or tables that a section defines.
fn room_of(section: &Payload<'_>) -> Room {
    match section {
        Payload::TableSection(tables) => Room { memories: 0, tables: tables.count() },
        Payload::MemorySection(memories) => Room { memories: memories.count(), tables: 0 },
        _ => Room::default(),
    }
}

/// The items of a module in their index spaces, and those that cross its boundary.
#[derive(Default)]
struct Items<'a> {
    types: Vec<wasmparser::FuncType>,
    functions: Vec<u32>,
    globals: Vec<GlobalType>,
    memories: Vec<MemoryType>,
    tables: Vec<TableType>,
    imports: Vec<wasmparser::Import<'a>>,
    exports: Vec<wasmparser::Export<'a>>,
}

impl<'a> Items<'a> {
    fn add(&mut self, payload: Payload<'a>) -> Option<()> {
        match payload {
            Payload::TypeSection(types) => {
                for ty in types.into_iter_err_on_gc_types() {
                    self.types.push(ty.ok()?);
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.ok()?;
                    match import.ty {
                        TypeRef::Func(ty) => self.functions.push(ty),
                        TypeRef::Global(ty) => self.globals.push(global(ty)?),
                        TypeRef::Memory(ty) => self.memories.push(memory(ty)?),
                        TypeRef::Table(ty) => self.tables.push(table(ty)?),
                        _ => return None,
                    }
                    self.imports.push(import);
                }
            }
            Payload::FunctionSection(functions) => {
                for ty in functions {
                    self.functions.push(ty.ok()?);
                }
            }
            Payload::TableSection(tables) => {
                for defined in tables {
                    self.tables.push(table(defined.ok()?.ty)?);
                }
            }
            Payload::MemorySection(memories) => {
                for ty in memories {
                    self.memories.push(memory(ty.ok()?)?);
                }
            }
            Payload::GlobalSection(globals) => {
                for defined in globals {
                    self.globals.push(global(defined.ok()?.ty)?);
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    self.exports.push(export.ok()?);
                }
            }
            Payload::TagSection(_) => return None,
            _ => {}
        }
        Some(())
    }

    fn module_type(&self) -> Option<ModuleType> {
        let mut made = ModuleType::new();
        for ty in &self.types {
            let values =
                |types: &[wasmparser::ValType]| types.iter().map(|ty| value(*ty)).collect::<Option<Vec<_>>>();
            made.ty().function(values(ty.params())?, values(ty.results())?);
        }
        let mut names = HashSet::new();
        for import in &self.imports {
            // The type of a module has each import once, while a module may repeat one.
            if !names.insert((import.module, import.name)) {
                return None;
            }
            let ty = match import.ty {
                TypeRef::Func(ty) => EntityType::Function(ty),
                TypeRef::Global(ty) => EntityType::Global(global(ty)?),
                TypeRef::Memory(ty) => EntityType::Memory(memory(ty)?),
                TypeRef::Table(ty) => EntityType::Table(table(ty)?),
                _ => return None,
            };
            made.import(import.module, import.name, ty);
        }
        for export in &self.exports {
            let index = usize::try_from(export.index).ok()?;
            let ty = match export.kind {
                ExternalKind::Func => EntityType::Function(*self.functions.get(index)?),
                ExternalKind::Global => EntityType::Global(*self.globals.get(index)?),
                ExternalKind::Memory => EntityType::Memory(*self.memories.get(index)?),
                ExternalKind::Table => EntityType::Table(*self.tables.get(index)?),
                _ => return None,
            };
            made.export(export.name, ty);
        }
        Some(made)
    }
}

fn value(ty: wasmparser::ValType) -> Option<ValType> {
    match ty {
        wasmparser::ValType::I32 => Some(ValType::I32),
        wasmparser::ValType::I64 => Some(ValType::I64),
        wasmparser::ValType::F32 => Some(ValType::F32),
        wasmparser::ValType::F64 => Some(ValType::F64),
        wasmparser::ValType::V128 => Some(ValType::V128),
        wasmparser::ValType::Ref(ty) => reference(ty).map(ValType::Ref),
    }
}

fn reference(ty: wasmparser::RefType) -> Option<RefType> {
    match ty {
        wasmparser::RefType::FUNCREF => Some(RefType::FUNCREF),
        wasmparser::RefType::EXTERNREF => Some(RefType::EXTERNREF),
        _ => None,
    }
}

fn global(ty: wasmparser::GlobalType) -> Option<GlobalType> {
    let val_type = value(ty.content_type)?;
    Some(GlobalType { val_type, mutable: ty.mutable, shared: ty.shared })
}

fn memory(ty: wasmparser::MemoryType) -> Option<MemoryType> {
    let wasmparser::MemoryType { memory64, shared, initial, maximum, page_size_log2 } = ty;
    Some(MemoryType { minimum: initial, maximum, memory64, shared, page_size_log2 })
}

fn table(ty: wasmparser::TableType) -> Option<TableType> {
    let wasmparser::TableType { element_type, table64, initial, maximum, shared } = ty;
    Some(TableType { element_type: reference(element_type)?, table64, minimum: initial, maximum, shared })
}
