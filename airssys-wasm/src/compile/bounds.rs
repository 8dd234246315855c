//! Bounds of a component, checked before it is compiled.
//!
//! A small file can ask for much work: by components that instantiate each other, by types that name each
//! other, or by tables and memories whose images are far larger than their segments. One pass over the file
//! counts all of them, without validating it; the compiler does that.

use std::collections::HashMap;

use wasmparser::{
    BinaryReaderError, ComponentInstance, ConstExpr, DataKind, ElementKind, Encoding, FunctionBody, Instance,
    Operator, Parser, Payload,
};

use blocks::Signatures;
use layout::{Definitions, Layout};
use types::Types;

use bound::Stop;
pub use bound::{Bound, BoundExceeded};

mod blocks;
mod bound;
mod layout;
mod types;

/// Checks all bounds. A file that cannot be parsed passes, because the compiler says what is wrong with it.
pub(crate) fn check(wasm: &[u8]) -> Result<(), BoundExceeded> {
    Bound::Bytes.check(wasm.len() as u64)?;
    match Survey::default().read(wasm) {
        Err(Stop::Bound(exceeded)) => Err(exceeded),
        Err(Stop::Invalid) | Ok(()) => Ok(()),
    }
}

/// The counts so far.
#[derive(Default)]
struct Survey<'wasm> {
    modules: u64,
    items: u64,
    functions: u64,
    locals: u64,
    table_elements: u64,
    data_bytes: u64,
    definitions: Definitions<'wasm>,
    types: Types<'wasm>,
    /// The modules and components around the current place; the index of a component's definition.
    around: Vec<Option<usize>>,
    module: Module,
}

/// The current module. Modules are not nested.
#[derive(Default)]
struct Module {
    table_minimums: u64,
    signatures: Signatures,
    /// The range of the initial data of each memory.
    data: HashMap<u32, (u64, u64)>,
}

impl<'wasm> Survey<'wasm> {
    fn read(mut self, wasm: &'wasm [u8]) -> Result<(), Stop> {
        for payload in Parser::new(0).parse_all(wasm) {
            self.payload(payload?, wasm)?;
        }
        Layout::check(&self.definitions)?;
        Ok(())
    }

    fn payload(&mut self, payload: Payload<'wasm>, wasm: &'wasm [u8]) -> Result<(), Stop> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding)?,
            Payload::End(_) => self.end()?,
            Payload::TypeSection(section) => {
                self.items(section.count())?;
                for group in section {
                    let group = group?;
                    // The entry counts for the first of its types.
                    self.items((group.types().len() as u64).saturating_sub(1))?;
                    group.types().for_each(|ty| self.module.signatures.add_type(ty));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.module.signatures.add_import(import?.ty);
                    self.items(1_u64)?;
                }
            }
            Payload::FunctionSection(section) => {
                self.functions += u64::from(section.count());
                Bound::Functions.check(self.functions)?;
                self.items(section.count())?;
                for ty in section {
                    self.module.signatures.add_function(ty?);
                }
            }
            Payload::TableSection(section) => {
                self.items(section.count())?;
                for table in section {
                    let minimum = table?.ty.initial;
                    self.module.table_minimums = self.module.table_minimums.saturating_add(minimum);
                }
            }
            Payload::ElementSection(section) => {
                self.items(section.count())?;
                for element in section {
                    if let ElementKind::Active { offset_expr, .. } = element?.kind {
                        // The size of an imported table is not known, but it holds the offset.
                        let known = self.module.table_minimums.max(offset(&offset_expr)?.unwrap_or(0));
                        self.table_elements = self.table_elements.saturating_add(known);
                        self.module.table_minimums = 0;
                        Bound::TableElements.check(self.table_elements)?;
                    }
                }
            }
            Payload::DataSection(section) => {
                self.items(section.count())?;
                for data in section {
                    let data = data?;
                    if let DataKind::Active { memory_index, offset_expr } = data.kind
                        && let Some(start) = offset(&offset_expr)?
                    {
                        let end = start.saturating_add(data.data.len() as u64);
                        let range = self.module.data.entry(memory_index).or_insert((start, end));
                        *range = (range.0.min(start), range.1.max(end));
                    }
                }
            }
            Payload::CodeSectionEntry(body) => self.body(&body)?,
            other => self.section(other, wasm)?,
        }
        Ok(())
    }

    fn begin(&mut self, encoding: Encoding) -> Result<(), Stop> {
        let nested = match encoding {
            Encoding::Component => {
                self.types.begin();
                Some(self.definitions.begin(self.around.last().copied().flatten()))
            }
            Encoding::Module => {
                self.modules += 1;
                Bound::Modules.check(self.modules)?;
                self.module = Module::default();
                None
            }
        };
        self.around.push(nested);
        Ok(Bound::Nesting.check(self.around.len() as u64)?)
    }

    fn end(&mut self) -> Result<(), Stop> {
        for (_, (first, last)) in self.module.data.drain() {
            // The compiler makes an image of larger ranges only if most of it is data of the file.
            const ALWAYS_DENSE: u64 = 16 << 20;
            self.data_bytes = self.data_bytes.saturating_add((last - first).min(ALWAYS_DENSE));
            Bound::DataBytes.check(self.data_bytes)?;
        }
        if let Some(Some(_)) = self.around.pop() {
            self.types.end();
        }
        Ok(())
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), Stop> {
        let range = body.range();
        Bound::BodyBytes.check((range.end - range.start) as u64)?;
        let mut own = 0_u64;
        for locals in body.get_locals_reader()? {
            own = own.saturating_add(u64::from(locals?.0));
        }
        self.locals = self.locals.saturating_add(own);
        Bound::Locals.check(self.locals)?;
        self.module.signatures.check(body, own)
    }

    /// Counts the items of the other sections, and takes the definitions of components from them.
    fn section(&mut self, payload: Payload<'wasm>, wasm: &'wasm [u8]) -> Result<(), Stop> {
        let count = match &payload {
            Payload::MemorySection(section) => section.count(),
            Payload::TagSection(section) => section.count(),
            Payload::GlobalSection(section) => section.count(),
            Payload::ExportSection(section) => section.count(),
            Payload::InstanceSection(section) => section.count(),
            Payload::CoreTypeSection(section) => section.count(),
            Payload::ComponentInstanceSection(section) => section.count(),
            Payload::ComponentAliasSection(section) => section.count(),
            Payload::ComponentTypeSection(section) => section.count(),
            Payload::ComponentCanonicalSection(section) => section.count(),
            Payload::ComponentImportSection(section) => section.count(),
            Payload::ComponentExportSection(section) => section.count(),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => 1,
            _ => return Ok(()),
        };
        self.items(count)?;
        self.instances(&payload)?;
        if let Some(Some(current)) = self.around.last() {
            self.types.add(&payload, wasm)?;
            self.definitions.add(*current, payload, u64::from(count))?;
        }
        Ok(())
    }

    /// Counts the arguments and exports of instances, before they are kept.
    fn instances(&mut self, payload: &Payload<'wasm>) -> Result<(), Stop> {
        match payload {
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    self.items(match instance? {
                        Instance::Instantiate { args, .. } => args.len() as u64,
                        Instance::FromExports(exports) => exports.len() as u64,
                    })?;
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    self.items(match instance? {
                        ComponentInstance::Instantiate { args, .. } => args.len() as u64,
                        ComponentInstance::FromExports(exports) => exports.len() as u64,
                    })?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn items(&mut self, count: impl Into<u64>) -> Result<(), BoundExceeded> {
        self.items = self.items.saturating_add(count.into());
        Bound::Items.check(self.items)
    }
}

/// Returns the value of an expression that is a constant.
fn offset(expression: &ConstExpr<'_>) -> Result<Option<u64>, BinaryReaderError> {
    Ok(match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Some(u64::from(value.cast_unsigned())),
        Operator::I64Const { value } => Some(value.cast_unsigned()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
