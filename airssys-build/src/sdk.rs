//! The SDK of components in Rust: released, or in the source tree of this program.

use std::path::{Path, PathBuf};

/// The crate.
pub(crate) const NAME: &str = "airssys-sdk";

/// The version that fits this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns the folder of the SDK in the source tree of this library, if that still exists.
pub(crate) fn own_folder() -> Option<PathBuf> {
    folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../airssys-sdk"))
}

/// Returns the absolute path of a folder if it has a crate.
pub(crate) fn folder(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().filter(|folder| folder.join("Cargo.toml").is_file())
}

/// Returns the setting of cargo that takes the SDK from a folder, as a key and a value of TOML.
pub(crate) fn patch(folder: &Path) -> String {
    let path = toml_edit::Value::from(folder.to_string_lossy().as_ref());
    format!("patch.crates-io.{NAME}.path = {path}")
}

/// Returns true if cargo's output says that it found no such crate, or not this version, where it looked.
pub(crate) fn is_missing(output: &str) -> bool {
    let missing = [
        format!("no matching package named `{NAME}` found"),
        format!("failed to load source for dependency `{NAME}`"),
        format!("failed to get `{NAME}` as a dependency of package"),
        format!("failed to select a version for the requirement `{NAME} = "),
        format!("failed to download `{NAME} v"),
    ];
    missing.iter().any(|text| output.contains(text))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::process::clean;

    /// Writes a crate that depends on another, and cargo's settings. Returns cargo's output about it.
    fn fetched(folder: &Path, dependency: &str, settings: &str) -> String {
        let manifest = format!(
            "[package]\nname = \"x\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n{dependency} = \"{VERSION}\"\n"
        );
        for (name, text) in
            [("Cargo.toml", manifest.as_str()), ("src/lib.rs", ""), (".cargo/config.toml", settings)]
        {
            let file = folder.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        drop(std::fs::remove_file(folder.join("Cargo.lock")));
        let mut cargo = clean("cargo", folder);
        cargo.arg("fetch").env("CARGO_HOME", folder.join("home"));
        let ran = cargo.output().unwrap();
        assert!(!ran.status.success());
        String::from_utf8(ran.stderr).unwrap()
    }

    #[test]
    fn sdk_is_missing_in_each_way_in_which_cargo_does_not_find_it() {
        let scratch = tempfile::tempdir().unwrap();
        let registry = scratch.path().join("registry");
        std::fs::create_dir_all(registry.join("index/ai/rs")).unwrap();
        std::fs::create_dir_all(registry.join("index/se/rd")).unwrap();
        let source = |source: &str| {
            format!(
                "[source.crates-io]\nreplace-with = \"other\"\n[source.other]\n{source}\n[net]\nretry = 0\n"
            )
        };
        let local = source(&format!("local-registry = {registry:?}"));
        let cases = [
            ("offline", "[net]\noffline = true\n".to_owned(), None),
            ("no server", source("registry = \"sparse+http://127.0.0.1:9/\""), None),
            ("no folder", source("directory = \"nowhere\""), None),
            ("not in the registry", local.clone(), None),
            ("another version", local.clone(), Some(("0.0.1", false))),
            ("withdrawn", local.clone(), Some((VERSION, true))),
            ("not downloaded", local, Some((VERSION, false))),
        ];
        for (case, settings, indexed) in cases {
            for (dependency, entry) in [(NAME, "ai/rs/airssys-sdk"), ("serde", "se/rd/serde")] {
                let entry = registry.join("index").join(entry);
                match indexed {
                    Some((version, yanked)) => {
                        let crc = "0".repeat(64);
                        let line = format!(
                            r#"{{"name":"{dependency}","vers":"{version}","deps":[],"cksum":"{crc}","features":{{}},"yanked":{yanked}}}"#
                        );
                        std::fs::write(entry, line + "\n").unwrap();
                    }
                    None => drop(std::fs::remove_file(entry)),
                }
                let output = fetched(&scratch.path().join("x"), dependency, &settings);
                assert_eq!(is_missing(&output), dependency == NAME, "{case}, {dependency}: {output}");
            }
        }
    }
}
