//! The files of new components and apps.

use crate::language::Language;

/// The paths and the texts of files, with names in braces to fill in.
pub(super) type Template = &'static [(&'static str, &'static str)];

/// The files that a component with an app of its own has in any language.
pub(super) const COMPONENT: Template = &[("app.toml", include_str!("component-app.toml.txt"))];

/// The manifest of a greeter.
pub(super) const MANIFEST: Template = &[("Component.toml", include_str!("Component.toml.txt"))];

/// The files of an app.
pub(super) const APP: Template =
    &[("app.toml", include_str!("app.toml.txt")), (".gitignore", "target/\nnode_modules/\n__pycache__/\n")];

/// The files of an app whose components are crates.
pub(super) const APP_RUST: Template = &[("Cargo.toml", include_str!("workspace.toml.txt"))];

/// A component in each language.
pub(super) struct Templates {
    pub(super) manifest: Template,
    rust: Template,
    javascript: Template,
    python: Template,
}

/// Greets by name, on request.
pub(super) const GREETER: Templates = Templates {
    manifest: MANIFEST,
    rust: &[
        ("Cargo.toml", include_str!("Cargo.toml.txt")),
        ("src/lib.rs", include_str!("lib.rs.txt")),
        (".gitignore", "target/\n"),
    ],
    javascript: &[
        ("package.json", include_str!("package.json.txt")),
        ("jsconfig.json", include_str!("jsconfig.json.txt")),
        ("src/main.js", include_str!("main.js.txt")),
        (".gitignore", "node_modules/\ntarget/\n"),
    ],
    python: &[
        ("pyproject.toml", include_str!("pyproject.toml.txt")),
        ("src/main.py", include_str!("main.py.txt")),
        (".gitignore", "__pycache__/\ntarget/\n"),
    ],
};

/// Asks the greeter for a greeting.
pub(super) const VISITOR: Templates = Templates {
    manifest: &[("Component.toml", include_str!("visitor.toml.txt"))],
    rust: &[
        ("Cargo.toml", include_str!("Cargo.toml.txt")),
        ("src/lib.rs", include_str!("visitor.rs.txt")),
        (".gitignore", "target/\n"),
    ],
    javascript: &[
        ("package.json", include_str!("package.json.txt")),
        ("jsconfig.json", include_str!("jsconfig.json.txt")),
        ("src/main.js", include_str!("visitor.js.txt")),
        (".gitignore", "node_modules/\ntarget/\n"),
    ],
    python: &[
        ("pyproject.toml", include_str!("pyproject.toml.txt")),
        ("src/main.py", include_str!("visitor.py.txt")),
        (".gitignore", "__pycache__/\ntarget/\n"),
    ],
};

impl Templates {
    pub(super) fn of(&self, language: Language) -> Template {
        match language {
            Language::Rust => self.rust,
            Language::JavaScript => self.javascript,
            Language::Python => self.python,
        }
    }
}
