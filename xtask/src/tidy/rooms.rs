//! The order of the rooms of a crate.

use super::Violation;
use super::house::{ROOMS, Rooms};
use super::modules::{Crate, Import};
use super::tree::Tree;

const TABLE: &str = "xtask/src/tidy/house.rs";

/// A room imports only from its own row of the table and from the rows before it. The root of a
/// crate re-exports from all of them.
pub(super) fn rooms(tree: &Tree) -> Vec<Violation> {
    ROOMS.iter().flat_map(|rooms| check(tree, rooms)).collect()
}

fn check(tree: &Tree, rooms: &Rooms) -> Vec<Violation> {
    let Some(own) = Crate::of(tree, rooms.folder) else {
        let what = format!("the crate `{}` is in the table of rooms, and was not found", rooms.folder);
        return vec![Violation::new(TABLE, 1, what, "write its new folder there")];
    };
    let mut found = unknown(&own, rooms);
    for import in own.imports().iter().filter(|import| !import.from.is_empty()) {
        found.extend(above(&own, rooms, import));
    }
    found
}

/// Modules without a place in the table, and places without a module.
fn unknown(own: &Crate, rooms: &Rooms) -> Vec<Violation> {
    let new = own.rooms().filter(|(name, _)| row(rooms, name).is_none()).map(|(name, line)| {
        let what = format!("the module `{name}` is not in the table of rooms");
        let mend = format!("move it into a room, or add it to its row in {TABLE}");
        Violation::new(&own.root, line, what, mend)
    });
    let named = rooms.rows.iter().copied().flatten();
    let gone = named.filter(|name| !own.rooms().any(|(room, _)| room == **name)).map(|name| {
        let what = format!("the table of rooms names `{name}`, which {} does not declare", own.root);
        Violation::new(TABLE, 1, what, "remove it from the table")
    });
    new.chain(gone).collect()
}

/// The violation, if the import names or leads to a room above its own.
fn above(own: &Crate, rooms: &Rooms, import: &Import) -> Option<Violation> {
    let from = import.from.first()?;
    let from_row = row(rooms, from)?;
    let through = import.through.as_ref();
    let leads_to = import.to.first();
    let room = [through, leads_to].into_iter().flatten().find(|room| row(rooms, room) > Some(from_row))?;
    let what = format!("`{}` leads from the room `{from}` to `{room}`, which is above it", import.written);
    let mend = format!("move the value that both need to `{from}` or lower, or have `{room}` pass it in");
    Some(Violation::new(own.file(&import.from)?, import.line, what, mend))
}

fn row(rooms: &Rooms, room: &str) -> Option<usize> {
    rooms.rows.iter().position(|row| row.contains(&room))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUSE: Rooms = Rooms { folder: "a", rows: &[&["floor"], &["low"], &["high", "beside"]] };

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let lib = ("a/src/lib.rs", "mod floor;\nmod low;\nmod high;\nmod beside;\npub use high::High;\n");
        let empty = ["floor", "low", "high", "beside"].map(|room| format!("a/src/{room}.rs"));
        let mut all: Vec<(&str, &str)> = vec![lib];
        let is_empty = |path: &str| files.iter().all(|(own, _)| *own != path);
        all.extend(
            empty.iter().filter(|path| is_empty(path)).map(|path| (path.as_str(), "pub struct Any;\n")),
        );
        all.extend(files);
        check(&Tree::planted(&all), &HOUSE).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn an_import_from_a_room_above_is_found_with_its_line() {
        let found = found(&[
            (
                "a/src/low.rs",
                "mod part;\npub struct Low;\nuse crate::floor::Any;\nuse crate::{\n    high::High,\n};\n",
            ),
            ("a/src/low/part.rs", "fn f() { let x = crate::beside::Any; }\n"),
            ("a/src/high.rs", "use crate::low::Low;\nuse super::beside::Any;\npub struct High;\n"),
        ]);
        let mend = "move the value that both need to `low` or lower, or have";
        let expected = [
            format!(
                "a/src/low.rs:5: `crate::high::High` leads from the room `low` to `high`, which is above it; \
                 {mend} `high` pass it in"
            ),
            format!(
                "a/src/low/part.rs:1: `crate::beside::Any` leads from the room `low` to `beside`, which is above \
                 it; {mend} `beside` pass it in"
            ),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_re_export_of_the_root_counts_as_the_room_that_defines_it() {
        let high = ("a/src/high.rs", "pub struct High;\n");
        let found = found(&[("a/src/floor.rs", "use crate::High;\n"), high]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("a/src/floor.rs:1: `crate::High` leads from the room `floor` to `high`")
        );
    }

    #[test]
    fn a_room_above_that_only_passes_a_name_on_is_above_all_the_same() {
        let found = found(&[
            ("a/src/floor.rs", "pub struct Value;\n"),
            ("a/src/high.rs", "pub use crate::floor::Value;\npub struct High;\n"),
            ("a/src/low.rs", "use crate::high::Value;\n"),
        ]);
        assert!(found[0].starts_with("a/src/low.rs:1: `crate::high::Value` leads"), "{found:?}");
    }

    #[test]
    fn imports_of_test_code_do_not_count() {
        let text = "#[cfg(test)]\nuse crate::high::High;\n#[cfg(test)]\nmod tests {\n    use crate::high::High;\n}\n";
        let high = ("a/src/high.rs", "pub struct High;\n");
        assert_eq!(found(&[("a/src/low.rs", text), high]), [""; 0]);
    }

    #[test]
    fn a_module_that_is_not_in_the_table_is_found() {
        let tree = Tree::planted(&[
            ("a/src/lib.rs", "mod floor;\nmod low;\nmod high;\nmod attic;\n"),
            ("a/src/floor.rs", ""),
            ("a/src/low.rs", ""),
            ("a/src/high.rs", ""),
            ("a/src/attic.rs", ""),
        ]);
        let found: Vec<String> = check(&tree, &HOUSE).iter().map(Violation::to_string).collect();
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("a/src/lib.rs:4: the module `attic` is not in the table"), "{found:?}");
        assert!(found[1].contains("the table of rooms names `beside`"), "{found:?}");
    }
}
