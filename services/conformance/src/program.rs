//! The programs of servers.

use std::path::PathBuf;

use crate::host::root;

/// Returns a program on the `PATH`, or else in the last of these folders that has it. Folders may contain
/// `*`, and are relative to the repository, such as `target/servers/NAME/lib/*/site-packages/PACKAGE`.
///
/// # Panics
/// With `install`, which says how to get it, if the program is missing. Tests without their server fail.
pub fn find_program(name: &str, folders: &[&str], install: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut on_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    if let Some(found) = on_path.find(|program| program.is_file()) {
        return found;
    }
    let mut found = folders.iter().rev().filter_map(|folder| {
        let pattern = root().join(folder).join(name);
        let found = glob::glob(&pattern.to_string_lossy()).expect("the folder is a pattern");
        found.flatten().filter(|program| program.is_file()).last()
    });
    found.next().unwrap_or_else(|| panic!("the tests need the program `{name}`: {install}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_is_found_by_its_folder() {
        let found = find_program("program.rs", &["services/conf*/src", "nowhere"], "write it");
        assert!(found.ends_with("services/conformance/src/program.rs"), "{}", found.display());
        assert!(find_program("sh", &[], "install a shell").is_absolute());
    }

    #[test]
    #[should_panic(expected = "the tests need the program `no-such-server`: run `apt-get install it`")]
    fn missing_program_fails_with_its_package() {
        find_program("no-such-server", &["target/*"], "run `apt-get install it`");
    }
}
