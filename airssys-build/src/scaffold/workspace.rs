//! The cargo workspace around a new crate.

use crate::files::read_text;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};
use toml_edit::{Array, DocumentMut, Item, Value};

use crate::record::relative;
use crate::scaffold::error::ScaffoldError;

const MANIFEST: &str = "Cargo.toml";

/// The part of a new folder in the cargo workspace around it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Around {
    /// The workspace's manifest.
    pub manifest: PathBuf,
    /// True if the new crate is a member.
    pub is_member: bool,
    /// The member that was added to the manifest. `None` if its list had it already, for example by a `*`.
    pub added: Option<String>,
    /// The folders that were excluded in the manifest, because its list covers them and they are not crates.
    pub excluded: Vec<String>,
}

/// The cargo workspace around a new crate.
pub(super) struct Workspace {
    folder: PathBuf,
    manifest: DocumentMut,
}

impl Workspace {
    /// Returns the workspace to which cargo would count a crate in this folder: the nearest above it that
    /// does not exclude it.
    pub(super) fn around(crate_folder: &Path) -> Result<Option<Workspace>, ScaffoldError> {
        for above in crate_folder.ancestors().skip(1) {
            let path = above.join(MANIFEST);
            let Ok(text) = read_text(&path) else { continue };
            let manifest = text.parse::<DocumentMut>().map_err(|error| ScaffoldError::Workspace {
                manifest: path.clone(),
                problem: format!("is not TOML: {}", error.message()),
            })?;
            let workspace = Workspace { folder: above.to_owned(), manifest };
            if workspace.manifest.contains_key("workspace") && !workspace.excludes(crate_folder) {
                return Ok(Some(workspace));
            }
        }
        Ok(None)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns true if members can inherit a dependency.
    pub(super) fn has_dependency(&self, name: &str) -> bool {
        let shared = self.manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
        shared.and_then(|shared| shared.get(name)).is_some()
    }

    /// Makes a crate a member, and excludes folders that are not crates, where the manifest does not say so
    /// already.
    pub(super) fn settle(&self, member: Option<&Path>, others: &[&Path]) -> Result<Around, ScaffoldError> {
        let path = self.folder.join(MANIFEST);
        let mut manifest = self.manifest.clone();
        let below = |folder: &Path| relative(&self.folder, folder).to_string_lossy().replace('\\', "/");
        let excluded = self.to_exclude(member.as_slice(), others);
        // An exclusion above a member outweighs a pattern, but not the member's own name.
        let is_listed = |folder: &Path| {
            self.covers(folder) && !excluded.iter().any(|excluded| folder.starts_with(excluded))
        };
        let added = member.filter(|member| !is_listed(member)).map(&below);
        let excluded: Vec<String> = excluded.into_iter().map(below).collect();
        for (list, entries) in [("members", added.as_slice()), ("exclude", &excluded)] {
            for entry in entries {
                let values = manifest["workspace"][list].or_insert(Item::Value(Value::Array(Array::new())));
                let values = values.as_array_mut().ok_or_else(|| ScaffoldError::Workspace {
                    manifest: path.clone(),
                    problem: format!("has a `workspace.{list}` that is not a list"),
                })?;
                push(values, entry);
            }
        }
        if added.is_some() || !excluded.is_empty() {
            let written = std::fs::write(&path, manifest.to_string());
            written.map_err(|source| ScaffoldError::Write { path: path.clone(), source })?;
        }
        Ok(Around { manifest: path, is_member: member.is_some(), added, excluded })
    }

    /// Returns the folders that cargo would take for crates: these others, and those between the workspace
    /// and all of these.
    fn to_exclude<'a>(&self, members: &[&'a Path], others: &[&'a Path]) -> Vec<&'a Path> {
        let all = members.iter().chain(others);
        let between =
            all.flat_map(|folder| folder.ancestors().skip(1).take_while(|above| *above != self.folder));
        let between = between.filter(|above| self.covers(above) && !above.join(MANIFEST).is_file());
        let mut found: Vec<&Path> =
            others.iter().copied().filter(|other| self.reaches(other)).chain(between).collect();
        found.retain(|folder| !self.excludes(folder));
        // A folder sorts behind those above it, which exclude it too.
        found.sort();
        found.dedup_by(|below, above| below.starts_with(above));
        found
    }

    fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let list = self.manifest.get("workspace").and_then(|workspace| workspace.get(name)?.as_array());
        list.into_iter().flatten().filter_map(Value::as_str)
    }

    /// Returns true if `exclude` has this folder or one above it, as cargo understands it: without patterns,
    /// and unless `members` has it too.
    fn excludes(&self, folder: &Path) -> bool {
        let has = |list| self.list(list).any(|entry| folder.starts_with(self.folder.join(entry)));
        has("exclude") && !has("members")
    }

    /// Returns true if the list of members has this folder, for example by a `*`.
    fn covers(&self, folder: &Path) -> bool {
        let path = relative(&self.folder, folder);
        self.members().any(|member| matches(&member, &path))
    }

    /// Returns true if the list of members has this folder, or may have folders in it.
    fn reaches(&self, folder: &Path) -> bool {
        let path = relative(&self.folder, folder);
        let depth = path.components().count();
        self.members().any(|member| {
            member.starts_with("**") || matches(&member.iter().take(depth).collect::<PathBuf>(), &path)
        })
    }

    fn members(&self) -> impl Iterator<Item = PathBuf> {
        self.list("members")
            .map(|member| Path::new(member).components().filter(|part| *part != Component::CurDir).collect())
    }
}

/// Returns true if a path fits the pattern of a member. As in cargo, a `*` stands for one segment.
fn matches(pattern: &Path, path: &Path) -> bool {
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
    Pattern::new(&pattern.to_string_lossy()).is_ok_and(|pattern| pattern.matches_path_with(path, options))
}

/// Adds a text to a list in the layout of the list.
fn push(list: &mut Array, text: &str) {
    let layout = list.iter().last().map(|last| last.decor().clone());
    list.push(text);
    if let (Some(layout), Some(added)) = (layout, list.iter_mut().last()) {
        let prefix =
            layout.prefix().and_then(|prefix| prefix.as_str()).filter(|prefix| prefix.contains('\n'));
        if let Some(prefix) = prefix {
            added.decor_mut().set_prefix(prefix.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(list: &str) -> String {
        let mut manifest: DocumentMut = format!("members = {list}\n").parse().unwrap();
        push(manifest["members"].as_array_mut().unwrap(), "new");
        manifest.to_string()
    }

    #[test]
    fn members_are_added_in_the_layout_of_their_list() {
        assert_eq!(pushed("[]"), "members = [\"new\"]\n");
        assert_eq!(pushed("[\"a\", \"b\"]"), "members = [\"a\", \"b\", \"new\"]\n");
        let lines = "members = [\n    \"a\",\n    \"b\",\n    \"new\",\n]\n";
        assert_eq!(pushed("[\n    \"a\",\n    \"b\",\n]"), lines);
    }
}
