//! The layout of files.

use super::Violation;
use super::house::WIT;
use super::tree::Tree;

const LONGEST: usize = 600;

/// No Rust file is longer than 600 lines.
pub(super) fn short_files(tree: &Tree) -> Vec<Violation> {
    let counted = tree.ending(&[".rs"]).map(|(path, text)| (path, text.lines().count()));
    let long = counted.filter(|(_, lines)| *lines > LONGEST);
    long.map(|(path, lines)| {
        let what = format!("the file has {lines} lines; at most {LONGEST} are allowed");
        Violation::new(path, LONGEST + 1, what, "move a part of it into a module of its own")
    })
    .collect()
}

/// The file of a module has the module's name.
pub(super) fn no_mod_rs(tree: &Tree) -> Vec<Violation> {
    let named = tree.paths().filter(|path| path.rsplit('/').next() == Some("mod.rs"));
    named
        .map(|path| {
            let mend = match path.strip_suffix("/mod.rs") {
                Some(folder) => format!("rename it to {folder}.rs"),
                None => "rename it to its module".to_owned(),
            };
            Violation::new(path, 1, "`mod.rs` does not name its module", mend)
        })
        .collect()
}

/// A contract is in a folder for contracts, and nowhere else.
pub(super) fn wit_in_its_folder(tree: &Tree) -> Vec<Violation> {
    let stray =
        tree.paths().filter(|path| path.ends_with(".wit") && !WIT.iter().any(|folder| is_in(path, folder)));
    stray
        .map(|path| {
            let mend = format!("move it to one of {}, and read it from there", WIT.join(", "));
            Violation::new(path, 1, "a contract outside the folders for contracts", mend)
        })
        .collect()
}

/// Returns true if a path leads into a folder, in which `*` stands for one folder's name.
fn is_in(path: &str, folder: &str) -> bool {
    let mut parts = path.split('/');
    let is_same = |wanted: &str, part: &str| wanted == "*" || wanted == part;
    folder.split('/').all(|wanted| parts.next().is_some_and(|part| is_same(wanted, part)))
        && parts.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found() {
        let tree = Tree::planted(&[
            ("a/long.rs", &"\n".repeat(601)),
            ("a/fits.rs", &"\n".repeat(600)),
            ("a/data.json", &"\n".repeat(601)),
        ]);
        let found = short_files(&tree);
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().starts_with("a/long.rs:601: the file has 601 lines"), "{}", found[0]);
    }

    #[test]
    fn a_mod_rs_is_found() {
        let tree = Tree::planted(&[("a/src/b/mod.rs", ""), ("a/src/c.rs", ""), ("a/src/remod.rs", "")]);
        let found = no_mod_rs(&tree);
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().ends_with("rename it to a/src/b.rs"), "{}", found[0]);
    }

    #[test]
    fn a_contract_in_the_wrong_place_is_found() {
        let tree = Tree::planted(&[
            ("wit/deps/a.wit", ""),
            ("services/keyvalue/wit/a.wit", ""),
            ("examples/embed/wit/a.wit", ""),
            ("components/a/wit/b.wit", ""),
            ("services/keyvalue/src/c.wit", ""),
        ]);
        let found = wit_in_its_folder(&tree);
        let paths: Vec<_> = found.iter().map(|found| found.path.as_str()).collect();
        assert_eq!(paths, ["components/a/wit/b.wit", "services/keyvalue/src/c.wit"]);
    }
}
