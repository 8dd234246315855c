//! Counts the blocks and branches of a function, and the values that these and its calls pass.

use wasmparser::{BlockType, Catch, CompositeInnerType, FunctionBody, Operator, SubType, TypeRef};

use super::bound::{Bound, BoundExceeded, Stop};

/// The types of a core module's functions.
#[derive(Default)]
pub(super) struct Signatures {
    types: Vec<Signature>,
    /// The type of each function, imported ones first.
    functions: Vec<u32>,
    imported: usize,
    /// The most values of a type.
    widest: u64,
    /// The functions whose bodies were read.
    bodies: usize,
}

/// The numbers of parameters and results.
#[derive(Clone, Copy, Default)]
struct Signature {
    params: u64,
    results: u64,
}

impl Signature {
    fn values(self) -> u64 {
        self.params + self.results
    }
}

impl Signatures {
    pub(super) fn add_type(&mut self, ty: &SubType) {
        let signature = match &ty.composite_type.inner {
            CompositeInnerType::Func(ty) => {
                Signature { params: ty.params().len() as u64, results: ty.results().len() as u64 }
            }
            _ => Signature::default(),
        };
        self.widest = self.widest.max(signature.values());
        self.types.push(signature);
    }

    pub(super) fn add_import(&mut self, ty: TypeRef) {
        if let TypeRef::Func(ty) | TypeRef::FuncExact(ty) = ty {
            self.functions.push(ty);
            self.imported += 1;
        }
    }

    pub(super) fn add_function(&mut self, ty: u32) {
        self.functions.push(ty);
    }

    fn ty(&self, index: u32) -> Signature {
        self.types.get(index as usize).copied().unwrap_or_default()
    }

    fn function(&self, index: usize) -> Signature {
        self.functions.get(index).map_or_else(Signature::default, |ty| self.ty(*ty))
    }

    fn block(&self, ty: BlockType) -> Signature {
        match ty {
            BlockType::Empty => Signature::default(),
            BlockType::Type(_) => Signature { params: 0, results: 1 },
            BlockType::FuncType(index) => self.ty(index),
        }
    }

    /// Checks the bounds of the next function's body, which has so many local variables.
    pub(super) fn check(&mut self, body: &FunctionBody<'_>, locals: u64) -> Result<(), Stop> {
        let function = self.function(self.imported + self.bodies);
        self.bodies += 1;
        let range = body.range();
        // The targets of a branch have a byte each, and all else has more. So most functions need not be read.
        let most_blocks = (range.end - range.start) as u64;
        let most_values = locals.saturating_add(self.widest).saturating_mul(most_blocks);
        if most_values > Bound::BlockValues.most() || most_blocks > Bound::BlockDepth.most() {
            let labels = vec![function.results];
            let mut blocks = Blocks { signatures: self, locals, labels, count: 0, values: 0 };
            for operator in body.get_operators_reader()? {
                blocks.add(&operator?)?;
            }
        }
        Ok(())
    }
}

/// The blocks of a function, and the places from which it branches.
struct Blocks<'module> {
    signatures: &'module Signatures,
    locals: u64,
    /// The number of values that each label around the current place takes.
    labels: Vec<u64>,
    count: u64,
    /// The values that the compiler can have to pass: each local variable at each block and branch, and
    /// the values that these and the calls take and leave.
    values: u64,
}

impl Blocks<'_> {
    fn add(&mut self, operator: &Operator<'_>) -> Result<(), BoundExceeded> {
        match operator {
            Operator::Block { blockty } | Operator::If { blockty } => self.begin(*blockty, false),
            Operator::Loop { blockty } => self.begin(*blockty, true),
            Operator::TryTable { try_table } => {
                self.begin(try_table.ty, false)?;
                try_table.catches.iter().try_for_each(|catch| {
                    let (Catch::One { label, .. }
                    | Catch::OneRef { label, .. }
                    | Catch::All { label }
                    | Catch::AllRef { label }) = *catch;
                    self.branches(1, label)
                })
            }
            Operator::End => {
                self.labels.pop();
                Ok(())
            }
            Operator::Else => self.branches(1, 0),
            Operator::Br { relative_depth }
            | Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. } => self.branches(1, *relative_depth),
            // All targets take equally many values.
            Operator::BrTable { targets } => self.branches(u64::from(targets.len()) + 1, targets.default()),
            Operator::Return => self.passes(self.labels.first().copied().unwrap_or_default()),
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                self.passes(self.signatures.function(*function_index as usize).values())
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. }
            | Operator::CallRef { type_index }
            | Operator::ReturnCallRef { type_index } => self.passes(self.signatures.ty(*type_index).values()),
            // The types of tags are among those of functions.
            Operator::Throw { .. } => self.passes(self.signatures.widest),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, ty: BlockType, is_loop: bool) -> Result<(), BoundExceeded> {
        let Signature { params, results } = self.signatures.block(ty);
        self.labels.push(if is_loop { params } else { results });
        // The label of the function itself is not a block.
        Bound::BlockDepth.check(self.labels.len() as u64 - 1)?;
        self.counts(1)?;
        self.passes(self.locals.saturating_add(params + results))
    }

    /// Counts the branches to a label.
    fn branches(&mut self, count: u64, label: u32) -> Result<(), BoundExceeded> {
        let place = self.labels.len().checked_sub(1 + label as usize);
        let taken = place.map_or(0, |place| self.labels[place]);
        self.counts(count)?;
        self.passes(self.locals.saturating_add(taken).saturating_mul(count))
    }

    fn counts(&mut self, blocks: u64) -> Result<(), BoundExceeded> {
        self.count = self.count.saturating_add(blocks);
        Bound::Blocks.check(self.count)
    }

    fn passes(&mut self, values: u64) -> Result<(), BoundExceeded> {
        self.values = self.values.saturating_add(values);
        Bound::BlockValues.check(self.values)
    }
}
