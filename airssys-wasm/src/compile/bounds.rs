//! Bounds of a component, checked before it is compiled.
//!
//! A small file can ask for much work: by components that instantiate each other, or by tables and
//! memories whose images are far larger than their segments. One pass over the file counts both, without
//! validating it; the compiler does that.

use wasmparser::{
    BinaryReaderError, BlockType, ComponentInstance, CompositeInnerType, ConstExpr, DataKind, ElementKind,
    Encoding, FunctionBody, Instance, Operator, Parser, Payload, SubType,
};

use layout::{Definitions, Layout};

pub use bound::{Bound, BoundExceeded};

mod bound;
mod layout;

/// Checks all bounds. A file that cannot be parsed passes, because the compiler says what is wrong with it.
pub(crate) fn check(wasm: &[u8]) -> Result<(), BoundExceeded> {
    Bound::Bytes.check(wasm.len() as u64)?;
    match Survey::default().read(wasm) {
        Err(Stop::Bound(exceeded)) => Err(exceeded),
        Err(Stop::Invalid) | Ok(()) => Ok(()),
    }
}

/// The reasons for which counting ends.
#[derive(Debug)]
enum Stop {
    Bound(BoundExceeded),
    /// The file is damaged.
    Invalid,
}

impl From<BoundExceeded> for Stop {
    fn from(exceeded: BoundExceeded) -> Stop {
        Stop::Bound(exceeded)
    }
}

impl From<BinaryReaderError> for Stop {
    fn from(_: BinaryReaderError) -> Stop {
        Stop::Invalid
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
    /// The modules and components around the current place; the index of a component's definition.
    around: Vec<Option<usize>>,
    module: Module,
}

/// The current module. Modules are not nested.
#[derive(Default)]
struct Module {
    table_minimums: u64,
    /// The number of parameters and results of each type of function.
    arities: Vec<u64>,
    /// The range of its initial data.
    data: Option<(u64, u64)>,
}

impl<'wasm> Survey<'wasm> {
    fn read(mut self, wasm: &'wasm [u8]) -> Result<(), Stop> {
        for payload in Parser::new(0).parse_all(wasm) {
            self.payload(payload?)?;
        }
        Layout::check(&self.definitions)?;
        Ok(())
    }

    fn payload(&mut self, payload: Payload<'wasm>) -> Result<(), Stop> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding)?,
            Payload::End(_) => self.end()?,
            Payload::TypeSection(section) => {
                self.items(section.count())?;
                for group in section {
                    let group = group?;
                    // The entry counts for the first of its types.
                    self.items((group.types().len() as u64).saturating_sub(1))?;
                    self.module.arities.extend(group.types().map(arity));
                }
            }
            Payload::FunctionSection(section) => {
                self.functions += u64::from(section.count());
                Bound::Functions.check(self.functions)?;
                self.items(section.count())?;
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
                    if let DataKind::Active { offset_expr, .. } = data.kind
                        && let Some(start) = offset(&offset_expr)?
                    {
                        let end = start.saturating_add(data.data.len() as u64);
                        let (first, last) = self.module.data.unwrap_or((start, end));
                        self.module.data = Some((first.min(start), last.max(end)));
                    }
                }
            }
            Payload::CodeSectionEntry(body) => self.body(&body)?,
            other => self.section(other)?,
        }
        Ok(())
    }

    fn begin(&mut self, encoding: Encoding) -> Result<(), Stop> {
        let nested = match encoding {
            Encoding::Component => Some(self.definitions.begin(self.around.last().copied().flatten())),
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
        if let Some((first, last)) = self.module.data.take() {
            // The compiler makes an image of larger ranges only if most of it is data of the file.
            const ALWAYS_DENSE: u64 = 16 << 20;
            self.data_bytes = self.data_bytes.saturating_add((last - first).min(ALWAYS_DENSE));
            Bound::DataBytes.check(self.data_bytes)?;
        }
        self.around.pop();
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
        // A block costs at least two bytes, so most functions need not be read.
        let most_blocks = (range.end - range.start) as u64 / 2;
        let widest = self.module.arities.iter().copied().max().unwrap_or_default();
        let most_values = own.saturating_add(widest).saturating_mul(most_blocks);
        if most_values > Bound::BlockValues.most() || most_blocks > Bound::BlockDepth.most() {
            let blocks = Blocks::of(body, own, &self.module.arities)?;
            Bound::BlockValues.check(blocks.values)?;
            Bound::Blocks.check(blocks.count)?;
            Bound::BlockDepth.check(blocks.deepest)?;
        }
        Ok(())
    }

    /// Counts the items of the other sections, and takes the definitions of components from them.
    fn section(&mut self, payload: Payload<'wasm>) -> Result<(), Stop> {
        let count = match &payload {
            Payload::ImportSection(section) => section.count(),
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

/// Returns the number of parameters and results of a function's type.
fn arity(ty: &SubType) -> u64 {
    match &ty.composite_type.inner {
        CompositeInnerType::Func(ty) => (ty.params().len() + ty.results().len()) as u64,
        _ => 0,
    }
}

/// The blocks of a function, and the places from which it branches.
#[derive(Default)]
struct Blocks {
    count: u64,
    /// The values that the compiler can have to pass there: each local variable, and each value of a
    /// block's type.
    values: u64,
    deepest: u64,
}

impl Blocks {
    fn of(body: &FunctionBody<'_>, locals: u64, arities: &[u64]) -> Result<Blocks, BinaryReaderError> {
        let (mut found, mut depth) = (Blocks::default(), 0_u64);
        for operator in body.get_operators_reader()? {
            let (count, values) = match operator? {
                Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                    depth += 1;
                    let arity = match blockty {
                        BlockType::FuncType(index) => arities.get(index as usize).copied(),
                        BlockType::Empty | BlockType::Type(_) => None,
                    };
                    (1, locals.saturating_add(arity.unwrap_or_default()))
                }
                Operator::End => {
                    depth = depth.saturating_sub(1);
                    (0, 0)
                }
                Operator::Else | Operator::Br { .. } | Operator::BrIf { .. } => (1, locals),
                Operator::BrTable { targets } => {
                    let targets = u64::from(targets.len());
                    (targets, locals.saturating_mul(targets))
                }
                _ => (0, 0),
            };
            found.count = found.count.saturating_add(count);
            found.values = found.values.saturating_add(values);
            found.deepest = found.deepest.max(depth);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
