//! The order of the house: which part may know which. The rules are in `rooms.rs`, `circles.rs` and
//! `crates.rs`; a change of the order is a change of these tables.

/// The rooms of a crate: its top-level modules, `foo.rs` with `foo/`.
pub(super) struct Rooms {
    /// The crate's folder.
    pub(super) folder: &'static str,
    /// The rows, lowest first. A room imports only from its own row and the rows before it.
    pub(super) rows: &'static [&'static [&'static str]],
}

pub(super) const ROOMS: &[Rooms] = &[Rooms {
    folder: "airssys-wasm",
    rows: &[
        // The floor: the bindings of the contract, the helper for locks, and the places of a server.
        &["contract", "sync", "clients"],
        &["compile", "backend"],
        &["policy"],
        &["observe"],
        &["routing"],
        &["guest"],
        &["actor"],
        &["host"],
        // The ways in.
        &["app", "control", "metrics", "otlp"],
    ],
}];

/// Crates in order of their rows, lowest first; `/*` stands for every crate of a folder. A crate
/// depends only on crates of its own row and of the rows before it.
pub(super) const CRATES: &[&[&str]] = &[
    // The last has the calls of a component that the scenarios of services share with it.
    &[
        "airssys-core",
        "airssys-message",
        "components/test-blobstore-calls",
        "components/test-keyvalue-calls",
        "components/test-secrets-calls",
        "components/test-sql-calls",
    ],
    &["airssys-rt"],
    &["airssys-spec"],
    &["airssys-build"],
    &["airssys-wasm"],
    &["services/*"],
    &["backends/*"],
    &["airssys-cli"],
];

/// Crates of values: neither they nor a crate of the workspace that they use depends on these.
pub(super) const PURE: &[&str] = &["airssys-core", "airssys-message", "airssys-spec"];
pub(super) const IMPURE: &[&str] = &["tokio", "wasmtime"];

/// Files that may form one circle, because each is a part of the same thing.
pub(super) struct Kernel {
    pub(super) folder: &'static str,
    /// The paths below `src/`.
    pub(super) files: &'static [&'static str],
}

/// The kernel of the actor runtime: actors, references to supervisors and the system start each other.
pub(super) const KERNELS: &[Kernel] = &[Kernel {
    folder: "airssys-rt",
    files: &[
        "actor.rs",
        "actor/hooks.rs",
        "actor/incarnation.rs",
        "actor/runner.rs",
        "supervisor/reference.rs",
        "system.rs",
    ],
}];

/// Folders with contracts. `*` stands for one folder.
pub(super) const WIT: &[&str] = &["wit", "services/*/wit", "examples/*/wit"];
