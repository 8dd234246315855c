//! The types of `airssys:sql/types`, made from its WIT.

/// The generated code, which the bindings of the functions refer to.
#[allow(missing_docs, unreachable_pub)]
pub mod generated {
    airssys_wasm::wasmtime::component::bindgen!({
        path: "wit/airssys",
        interfaces: "import airssys:sql/types@0.1.0;",
        wasmtime_crate: airssys_wasm::wasmtime,
        additional_derives: [PartialEq],
    });
}

pub use generated::airssys::sql::types::{Column, Date, Error, Row, Time, Timestamp, Value};
