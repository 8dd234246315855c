//! From a path to the module that defines its name.

use super::{Crate, ModulePath};

/// Re-exports of re-exports that are followed. More of them would be a circle.
const DEEPEST: usize = 12;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) module: ModulePath,
    /// The path leads to an item of the module, and not to the module itself.
    pub(super) is_item: bool,
}

impl Crate {
    /// Follows a path as a module would write it, through every re-export.
    ///
    /// Returns `None` if the path leads out of the crate.
    pub(super) fn target(&self, from: &[String], path: &[String]) -> Option<Target> {
        self.follow(from, path, 0)
    }

    /// The first module from the root that a path names.
    pub(super) fn through(&self, from: &[String], path: &[String]) -> Option<String> {
        let (start, rest) = begin(from, path);
        let mut names = start.iter().chain(rest).cloned().collect::<Vec<_>>().into_iter();
        if rest.len() == path.len() {
            // A path through an imported name: the import says where that is.
            let named = self.step(&start, rest.first()?, rest.len() == 1, 0)?;
            names = if named.is_item { Vec::new() } else { named.module }.into_iter();
        }
        let first = names.next()?;
        self.modules.contains_key(std::slice::from_ref(&first)).then_some(first)
    }

    /// The names that a module has: its items and those that it imports.
    pub(super) fn names(&self, module: &[String]) -> Vec<String> {
        let Some(module) = self.modules.get(module) else { return Vec::new() };
        let imported =
            module.scope.uses.iter().map(|own| &own.name).filter(|name| !matches!(name.as_str(), "*" | "_"));
        let mut names: Vec<String> = module.scope.items.iter().chain(imported).cloned().collect();
        names.sort();
        names.dedup();
        names
    }

    fn follow(&self, from: &[String], path: &[String], depth: usize) -> Option<Target> {
        if depth > DEEPEST {
            return None;
        }
        let (start, rest) = begin(from, path);
        let mut target = Target { module: start, is_item: false };
        for (index, segment) in rest.iter().enumerate() {
            let is_last = index + 1 == rest.len();
            let is_first = index == 0 && rest.len() == path.len();
            match self.step(&target.module, segment, is_last, depth) {
                Some(next) if next.is_item => return Some(next),
                Some(next) => target = next,
                // A name that no module declares is a crate's, or a local one.
                None if is_first => return None,
                // Items that a macro defines are not seen.
                None if self.imports_name(&target.module, segment) => return None,
                None => return Some(Target { is_item: true, ..target }),
            }
        }
        Some(target)
    }

    /// One segment further from a module. The last segment of a path prefers an item to a module.
    fn step(&self, module: &[String], name: &str, is_last: bool, depth: usize) -> Option<Target> {
        let scope = &self.modules.get(module)?.scope;
        let mut child = module.to_vec();
        child.push(name.to_owned());
        let child = self.modules.contains_key(&child).then_some(Target { module: child, is_item: false });
        if !is_last && child.is_some() {
            return child;
        }
        if scope.items.contains(name) {
            return Some(Target { module: module.to_vec(), is_item: true });
        }
        let mut imports = scope.uses.iter().filter(|own| own.name == name);
        let imported = imports.find_map(|own| self.follow(module, &own.path, depth + 1));
        imported.or(child).or_else(|| {
            let globs = scope.uses.iter().filter(|own| own.name == "*" && depth < DEEPEST);
            let modules = globs.filter_map(|own| self.follow(module, &own.path, depth + 1));
            let mut others = modules.filter(|target| !target.is_item && target.module != module);
            others.find_map(|target| self.step(&target.module, name, is_last, depth + 1))
        })
    }

    /// Returns true if a module imports the name, which is another crate's if it leads nowhere here.
    fn imports_name(&self, module: &[String], name: &str) -> bool {
        let scope = self.modules.get(module).map(|module| &module.scope);
        scope.is_some_and(|scope| scope.uses.iter().any(|own| own.name == name))
    }
}

/// The module that a path begins in, and its segments behind `crate`, `self` and `super`.
fn begin<'a>(from: &[String], path: &'a [String]) -> (ModulePath, &'a [String]) {
    let mut start = from.to_vec();
    let mut rest = path;
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "crate" => start.clear(),
            "self" => {}
            "super" => drop(start.pop()),
            _ => break,
        }
        rest = others;
    }
    (start, rest)
}
