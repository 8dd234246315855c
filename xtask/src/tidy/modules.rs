//! The modules of a crate, and which file imports which.

mod resolve;

use std::collections::BTreeMap;

use super::source::{self, Scope, Use};
use super::tree::Tree;

/// The segments of a module's path from the root of its crate.
pub(super) type ModulePath = Vec<String>;

/// The modules of a crate that are not test code.
pub(super) struct Crate {
    /// The file of the root, such as `airssys-rt/src/lib.rs`.
    pub(super) root: String,
    modules: BTreeMap<ModulePath, Module>,
}

pub(super) struct Module {
    pub(super) file: String,
    /// The line that declares it, in its parent's file.
    pub(super) line: usize,
    scope: Scope,
}

/// A name of another file that a file imports or names in its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) line: usize,
    /// The path as it is written.
    pub(super) written: String,
    pub(super) from: ModulePath,
    /// The module that the path leads through first, counted from the root.
    pub(super) through: Option<String>,
    /// The module that defines the name.
    pub(super) to: ModulePath,
    /// A `pub use` of a name that the file itself does not use.
    pub(super) only_passes_on: bool,
}

impl Crate {
    /// The crate in a folder, such as `airssys-rt`. Returns `None` if there is none.
    pub(super) fn of(tree: &Tree, folder: &str) -> Option<Crate> {
        let roots = ["lib.rs", "main.rs"].map(|file| format!("{folder}/src/{file}"));
        let root = roots.into_iter().find(|root| tree.has(root))?;
        let mut own = Crate { root: root.clone(), modules: BTreeMap::new() };
        own.add_file(tree, Vec::new(), &root, 1, &format!("{folder}/src"));
        Some(own)
    }

    fn add_file(&mut self, tree: &Tree, path: ModulePath, file: &str, line: usize, children: &str) {
        let Some(scope) = tree.text(file).and_then(source::read) else { return };
        self.add(tree, path, file, line, scope, children);
    }

    /// Adds a module and those below it. The files of its children are in the folder `children`.
    fn add(
        &mut self,
        tree: &Tree,
        path: ModulePath,
        file: &str,
        line: usize,
        mut scope: Scope,
        children: &str,
    ) {
        for child in &mut scope.children {
            let mut below = path.clone();
            below.push(child.name.clone());
            let folder = format!("{children}/{}", child.name);
            if let Some(inline) = child.inline.take() {
                self.add(tree, below, file, child.line, inline, &folder);
                continue;
            }
            let named = match &child.file {
                Some(named) => {
                    let own = file.rsplit_once('/').map_or("", |(folder, _)| folder);
                    vec![format!("{own}/{named}")]
                }
                None => vec![format!("{folder}.rs"), format!("{folder}/mod.rs")],
            };
            if let Some(named) = named.into_iter().find(|named| tree.has(named)) {
                self.add_file(tree, below, &named, child.line, &folder);
            }
        }
        self.modules.insert(path, Module { file: file.to_owned(), line, scope });
    }

    /// The modules that the root declares, with the lines that declare them.
    pub(super) fn rooms(&self) -> impl Iterator<Item = (&str, usize)> {
        let first = |path: &'_ ModulePath| path.len() == 1;
        let rooms = self.modules.iter().filter(move |(path, _)| first(path));
        rooms.filter_map(|(path, module)| Some((path.first()?.as_str(), module.line)))
    }

    pub(super) fn file(&self, module: &[String]) -> Option<&str> {
        Some(self.modules.get(module)?.file.as_str())
    }

    /// Every import of a name that another file defines, in the order of files and lines.
    pub(super) fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for (from, module) in &self.modules {
            let mut own = self.imports_of(from, module);
            own.retain(|import| self.file(&import.to).is_some_and(|file| file != module.file));
            own.sort_by(|a, b| (a.line, &a.written).cmp(&(b.line, &b.written)));
            own.dedup();
            imports.extend(own);
        }
        imports
    }

    fn imports_of(&self, from: &ModulePath, module: &Module) -> Vec<Import> {
        let mut imports = Vec::new();
        let import = |path: &[String], line, to, only_passes_on| Import {
            line,
            written: path.join("::"),
            from: from.clone(),
            through: self.through(from, path),
            to,
            only_passes_on,
        };
        for Use { path, name, line, passes_on } in &module.scope.uses {
            let is_used = |name: &str| !passes_on || module.scope.words.contains(name);
            match (name.as_str(), self.target(from, path)) {
                (_, None) => {}
                ("*", Some(target)) => {
                    for name in self.names(&target.module) {
                        let whole: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
                        let to = self.target(from, &whole).filter(|target| target.is_item);
                        if let Some(to) = to.filter(|_| *passes_on || module.scope.words.contains(&name)) {
                            imports.push(import(&whole, *line, to.module, !is_used(&name)));
                        }
                    }
                    if target.is_item {
                        imports.push(import(path, *line, target.module, *passes_on));
                    }
                }
                // Paths through a module's name say which of its items are meant.
                (name, Some(target)) if target.is_item => {
                    imports.push(import(path, *line, target.module, !is_used(name)));
                }
                _ => {}
            }
        }
        for path in &module.scope.paths {
            if let Some(target) = self.target(from, &path.segments).filter(|target| target.is_item) {
                imports.push(import(&path.segments, path.line, target.module, false));
            }
        }
        imports
    }
}
