//! The record of a build: the files that it read, and the file that it made.
//!
//! A component is built again if its record no longer holds. No tool runs for that check, and only files
//! that an earlier build has read are read, so other files in the component's folder do not matter.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use airssys_spec::manifest::without_dots;
use serde::{Deserialize, Serialize};

use crate::error::BuildError;
use crate::files::{file_error, read};
use crate::inputs::Inputs;

/// The name of the record's file in the folder of a build.
const FILE: &str = "record.json";

/// The most bytes of a file that is hashed: 1 GiB, because files of compilers are large.
const MAX_HASHED_BYTES: u64 = 1 << 30;

/// Keeps the folder of a build out of git, also where the component is a member of a workspace.
const IGNORE: (&str, &str) = (".gitignore", "*\n");

/// Paths are relative to the component's folder, so a project can be moved or copied as a whole. Only those
/// of the compiler are absolute.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// A hash of the program's own part in the build: its steps, contract, SDK and pinned tools.
    program: String,
    artifact: PathBuf,
    /// A hash of each file, the artifact among them.
    files: BTreeMap<PathBuf, String>,
    /// The files that the build looked for, and that did not exist.
    absent: Vec<PathBuf>,
    /// A hash of each file of the compiler. They may be missing, because a component that is built also
    /// runs on machines without a compiler.
    compiler: BTreeMap<PathBuf, String>,
    /// A hash of each variable of the environment, or `None` if it was not set.
    variables: BTreeMap<String, Option<String>>,
}

impl Record {
    /// Records a build that began at this time. Fails with the reason if the inputs are not known exactly,
    /// or one of them has changed since the build began. Another build then decides.
    pub(crate) fn new(
        folder: &Path,
        program: &str,
        artifact: &Path,
        inputs: &Inputs,
        began: SystemTime,
    ) -> Result<Record, String> {
        if !inputs.complete {
            return Err("the tools do not name every file that they read".to_owned());
        }
        let named = |path: &Path| relative(folder, path).display().to_string();
        let read_from = |path: &Path| match &inputs.installed {
            Some((packages, installed)) if path.starts_with(packages) => *installed,
            _ => began,
        };
        for path in inputs.files.difference(&inputs.written) {
            if changed_at(path).is_none_or(|changed| changed >= read_from(path)) {
                return Err(format!(
                    "`{}` has changed since the build began, or the clock was ahead when it was written",
                    named(path)
                ));
            }
        }
        let hashed = |path: &Path| match hash_of_file(path) {
            Some(hash) => Ok((relative(folder, path), hash)),
            None => Err(format!("`{}` cannot be read", named(path))),
        };
        let read = inputs.files.iter().map(PathBuf::as_path).chain([artifact]);
        let files = read.map(hashed).collect::<Result<_, _>>()?;
        Ok(Record {
            program: program.to_owned(),
            artifact: relative(folder, artifact),
            files,
            absent: inputs.absent.iter().map(|path| relative(folder, path)).collect(),
            compiler: inputs
                .compiler
                .iter()
                .filter_map(|path| Some((path.clone(), hash_of_file(path)?)))
                .collect(),
            variables: inputs.variables.iter().map(|name| (name.clone(), hash_of_variable(name))).collect(),
        })
    }

    /// Returns the artifact of the last build in this folder, if building it again would change nothing.
    pub(crate) fn current_artifact(folder: &Path, program: &str) -> Option<PathBuf> {
        let text = read(build_folder(folder).join(FILE)).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        record.holds(folder, program).then(|| without_dots(&folder.join(&record.artifact)))
    }

    fn holds(&self, folder: &Path, program: &str) -> bool {
        self.program == program
            && self.absent.iter().all(|path| !folder.join(path).is_file())
            && self.variables.iter().all(|(name, hash)| hash_of_variable(name) == *hash)
            && self.files.iter().all(|(path, hash)| hash_of_file(&folder.join(path)).as_ref() == Some(hash))
            && self
                .compiler
                .iter()
                .all(|(path, hash)| hash_of_file(&folder.join(path)).is_none_or(|found| found == *hash))
    }

    /// Writes the record for the next build. The one before it holds until the artifact changes. Fails with
    /// the reason.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), String> {
        // JSON holds no path that is not UTF-8.
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        let file = build_folder(folder).join(FILE);
        std::fs::write(&file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()))
    }
}

/// Returns the folder for the files of a component's builds.
pub(crate) fn build_folder(folder: &Path) -> PathBuf {
    folder.join("target/airssys")
}

/// Creates the folder for the files of a component's builds.
pub(crate) fn create_build_folder(folder: &Path) -> Result<PathBuf, BuildError> {
    let build = build_folder(folder);
    std::fs::create_dir_all(&build).map_err(file_error(&build))?;
    let ignore = build.join(IGNORE.0);
    std::fs::write(&ignore, IGNORE.1).map_err(file_error(&ignore))?;
    Ok(build)
}

/// Returns a hash of values, as text.
pub(crate) fn hash_of(values: impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    values.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Returns the time of a file's last change, or `None` if it is not known.
///
/// The system sets this time. A program can set the time of modification, even to one in the future.
#[cfg(unix)]
fn changed_at(path: &Path) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let metadata = path.metadata().ok()?;
    let seconds = Duration::from_secs(u64::try_from(metadata.ctime()).ok()?);
    let rest = Duration::from_nanos(u64::try_from(metadata.ctime_nsec()).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(seconds)?.checked_add(rest)
}

/// Returns the time of a file's last change, or `None` if it is not known.
#[cfg(not(unix))]
fn changed_at(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

/// Returns `None` unless the path leads to a regular file that can be read.
fn hash_of_file(path: &Path) -> Option<String> {
    airssys_spec::file::read(path, MAX_HASHED_BYTES).ok().map(hash_of)
}

fn hash_of_variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(hash_of)
}

/// Returns the way from an absolute folder, which has no links and no `..`, to an absolute path.
pub(crate) fn relative(from: &Path, to: &Path) -> PathBuf {
    let to = without_dots(to);
    let shared = from.components().zip(to.components()).take_while(|(from, to)| from == to).count();
    let up = from.components().skip(shared).map(|_| std::path::Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests;
