//! A value that finds the memory into which it is passed: ADR 0039.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext};
use wasmtime::component::{ComponentType, Lower};

use crate::observe::memory::MemoryGauge;

/// A value that notes the address of its instance's memory when it is passed to the instance.
pub(crate) struct Located<V> {
    pub(crate) value: V,
    pub(crate) memory: Arc<MemoryGauge>,
}

impl<V> Located<V> {
    fn note<T>(&self, context: &mut LowerContext<'_, T>) {
        self.memory.set_address(context.as_slice_mut().as_ptr().addr());
    }
}

// SAFETY: the type is passed in the form of `V`, which all items take from `V`.
unsafe impl<V: ComponentType> ComponentType for Located<V> {
    type Lower = V::Lower;

    const ABI: CanonicalAbiInfo = V::ABI;
    const MAY_REQUIRE_REALLOC: bool = V::MAY_REQUIRE_REALLOC;

    fn typecheck(expected: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        V::typecheck(expected, types)
    }
}

// SAFETY: both functions pass the value on to those of `V`, which write all that they have to.
unsafe impl<V: Lower> Lower for Located<V> {
    fn linear_lower_to_flat<T>(
        &self,
        context: &mut LowerContext<'_, T>,
        expected: InterfaceType,
        target: &mut MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        self.note(context);
        self.value.linear_lower_to_flat(context, expected, target)
    }

    fn linear_lower_to_memory<T>(
        &self,
        context: &mut LowerContext<'_, T>,
        expected: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        self.note(context);
        self.value.linear_lower_to_memory(context, expected, offset)
    }
}
