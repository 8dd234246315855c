//! The bounds of a component, and the error of one that exceeds them.

use std::fmt;

use airssys_spec::file::MAX_COMPONENT_BYTES;
use wasmparser::BinaryReaderError;

/// A bound of components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bound {
    /// The size of the file, in bytes.
    Bytes,
    /// The depth of components within components.
    Nesting,
    /// The core modules.
    Modules,
    /// The items of all sections: types, imports, functions, exports, segments and so on, and the arguments
    /// and exports of instances.
    Items,
    /// The functions of all core modules.
    Functions,
    /// The size of a function's body, in bytes.
    BodyBytes,
    /// The local variables of all functions.
    Locals,
    /// The local variables of a function, times its blocks and branches, and the values that these and its
    /// calls pass.
    BlockValues,
    /// The blocks and branches of a function.
    Blocks,
    /// The depth of blocks within each other in a function.
    BlockDepth,
    /// The elements of tables that have initial elements.
    TableElements,
    /// The memory between the first and the last initial byte of each memory of each module, in bytes.
    DataBytes,
    /// The parts of types: their fields, cases, parameters, imports and exports. Those of an import, an
    /// export or an instance are counted at each of them.
    TypeParts,
    /// The depth of types within the types of components and instances.
    TypeDepth,
    /// The instances of core modules, counted each time that a component around them is instantiated.
    CoreInstances,
    /// The items of components, counted each time that a component is instantiated.
    LaidOutItems,
    /// The depth of components that instantiate components.
    InstantiationDepth,
}

impl Bound {
    /// Returns the most that is allowed.
    ///
    /// Components of Rust, JavaScript and Python, and composed ones, have less than a quarter of each.
    pub fn most(self) -> u64 {
        match self {
            Bound::Bytes => MAX_COMPONENT_BYTES,
            Bound::Nesting => 32,
            Bound::Modules => 1_000,
            Bound::Items => 2_000_000,
            Bound::Functions => 250_000,
            Bound::BodyBytes => 2 << 20,
            Bound::Locals => 10_000_000,
            Bound::BlockValues => 5_000_000,
            Bound::Blocks => 100_000,
            Bound::BlockDepth => 20_000,
            Bound::TableElements => 4 << 20,
            Bound::DataBytes => 512 << 20,
            Bound::TypeParts => 250_000,
            Bound::TypeDepth => 100,
            Bound::CoreInstances => 10_000,
            Bound::LaidOutItems => 500_000,
            Bound::InstantiationDepth => 100,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Bound::Bytes => "bytes",
            Bound::Nesting => "components within each other",
            Bound::Modules => "core modules",
            Bound::Items => "items in its sections",
            Bound::Functions => "functions",
            Bound::BodyBytes => "bytes in a function",
            Bound::Locals => "local variables",
            Bound::BlockValues => "values in the blocks and calls of a function",
            Bound::Blocks => "blocks and branches in a function",
            Bound::BlockDepth => "blocks within each other in a function",
            Bound::TableElements => "elements in tables with initial elements",
            Bound::DataBytes => "bytes of memory between initial data",
            Bound::TypeParts => "parts of types, all uses counted",
            Bound::TypeDepth => "types within each other",
            Bound::CoreInstances => "core instances, all instantiations counted",
            Bound::LaidOutItems => "items, all instantiations counted",
            Bound::InstantiationDepth => "components that instantiate each other",
        }
    }

    /// Returns an error if more than this was found.
    pub(super) fn check(self, found: u64) -> Result<(), BoundExceeded> {
        if found > self.most() { Err(BoundExceeded { bound: self, found }) } else { Ok(()) }
    }
}

/// A component exceeds a bound. Nothing was compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct BoundExceeded {
    /// The bound.
    pub bound: Bound,
    /// The number that was found. Counting ends there, so the component can have more.
    pub found: u64,
}

impl fmt::Display for BoundExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (found, name, most) = (self.found, self.bound.name(), self.bound.most());
        write!(f, "has {found} {name}, and this host compiles at most {most}; ")?;
        f.write_str(match self.bound {
            Bound::Bytes => "remove debug information, or data that it can get as input",
            Bound::BodyBytes | Bound::BlockValues | Bound::Blocks | Bound::BlockDepth => {
                "divide the function"
            }
            Bound::TableElements | Bound::DataBytes => "place the initial data close to each other",
            Bound::TypeParts | Bound::TypeDepth => "use fewer and simpler types in its imports and exports",
            _ => "divide the component into several",
        })
    }
}

/// The reasons for which counting ends.
#[derive(Debug)]
pub(super) enum Stop {
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
