//! The bindings of the functions, made from their WIT.

/// The bindings of `airssys:sql`.
pub(crate) mod sql {
    airssys_wasm::wasmtime::component::bindgen!({
        path: "wit/airssys",
        world: "imports",
        wasmtime_crate: airssys_wasm::wasmtime,
        imports: { default: async },
        additional_derives: [PartialEq],
        with: {
            "airssys:sql/types": crate::types::generated::airssys::sql::types,
            "airssys:sql/database.database": crate::handles::DatabaseHandle,
            "airssys:sql/database.statement": crate::handles::StatementHandle,
            "airssys:sql/database.transaction": crate::handles::TransactionHandle,
            "airssys:sql/database.rows": crate::handles::RowsHandle,
        },
    });
}

/// The bindings of the interface of Spin.
pub(crate) mod spin {
    airssys_wasm::wasmtime::component::bindgen!({
        path: "wit/spin",
        world: "imports",
        wasmtime_crate: airssys_wasm::wasmtime,
        imports: { default: async },
        additional_derives: [PartialEq],
        with: { "fermyon:spin/sqlite.connection": crate::handles::DatabaseHandle },
    });
}
