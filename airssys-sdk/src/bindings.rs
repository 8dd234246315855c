//! The guest's side of `wit/component.wit`, as wit-bindgen generates it.

#![allow(clippy::all, missing_docs, unreachable_pub, unused_qualifications)]
// ADR 0011 has the reason for unsafe code here.
#![allow(unsafe_code, reason = "generated: the calling convention between a guest and its host")]

wit_bindgen::generate!({
    path: "../wit",
    world: "component-with-batches",
    pub_export_macro: true,
    export_macro_name: "export_component",
    runtime_path: "::airssys_sdk::__private::runtime",
});

/// The callbacks of a component that waits within calls.
#[cfg(feature = "http")]
pub mod waiting {
    wit_bindgen::generate!({
        path: "../wit",
        world: "callbacks-only",
        runtime_path: "::airssys_sdk::__private::runtime",
        with: {
            "airssys:component/types@0.2.0": crate::bindings::airssys::component::types,
            "wasi:io/poll@0.2.12": ::wasip2::io::poll,
        },
    });
}
