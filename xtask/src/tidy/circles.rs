//! Files that import each other in a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Violation;
use super::crates;
use super::house::{KERNELS, Kernel};
use super::modules::Crate;
use super::tree::Tree;

/// The imports of a crate, by importing and imported file. All files of a kernel are one.
type Graph = BTreeMap<String, BTreeMap<String, Tie>>;

/// The first import of one file by another.
#[derive(Clone)]
struct Tie {
    file: String,
    line: usize,
    written: String,
}

/// No files of a crate in the table of crates import each other in a circle, except those of a kernel.
///
/// An import of a name that a module re-exports is an import of the file that defines it. A file
/// that re-exports a name without using it imports nothing by that.
pub(super) fn circles(tree: &Tree) -> Vec<Violation> {
    let folders = tree.paths().filter_map(|path| path.strip_suffix("/Cargo.toml"));
    let in_order = folders.filter(|folder| crates::row(folder).is_some());
    in_order.flat_map(|folder| check(tree, folder, KERNELS.iter().find(|own| own.folder == folder))).collect()
}

fn check(tree: &Tree, folder: &str, kernel: Option<&Kernel>) -> Vec<Violation> {
    let Some(own) = Crate::of(tree, folder) else { return Vec::new() };
    let imports: Vec<(String, String, Tie)> = own
        .imports()
        .into_iter()
        .filter(|import| !import.only_passes_on)
        .filter_map(|import| {
            let (file, to) = (own.file(&import.from)?.to_owned(), own.file(&import.to)?.to_owned());
            Some((file.clone(), to, Tie { file, line: import.line, written: import.written }))
        })
        .collect();
    let files = kernel.map_or(&[][..], |kernel| kernel.files);
    let files: BTreeSet<String> = files.iter().map(|file| format!("{folder}/src/{file}")).collect();
    let mut found = outside(&graph(&imports, |file| file.to_owned()), &files);
    let mut graph = graph(&imports, |file| match files.contains(file) {
        true => "the kernel".to_owned(),
        false => file.to_owned(),
    });
    while let Some(circle) = shortest_circle(&graph) {
        found.extend(shown(&graph, &circle));
        for (from, to) in steps(&circle) {
            graph.get_mut(from).and_then(|imported| imported.remove(to));
        }
    }
    found
}

fn graph(imports: &[(String, String, Tie)], name: impl Fn(&str) -> String) -> Graph {
    let mut graph = Graph::new();
    for (from, to, tie) in imports {
        let (from, to) = (name(from), name(to));
        if from != to {
            graph.entry(from).or_default().entry(to).or_insert_with(|| tie.clone());
        }
    }
    graph
}

/// Files that a table calls a part of the kernel, and that are in no circle with its other files.
fn outside(graph: &Graph, kernel: &BTreeSet<String>) -> Vec<Violation> {
    let mut own = graph.clone();
    own.retain(|from, _| kernel.contains(from));
    own.values_mut().for_each(|imported| imported.retain(|to, _| kernel.contains(to)));
    let alone = kernel.iter().filter(|file| circle_through(&own, file).is_none());
    alone
        .map(|file| {
            let what = "the table of kernels names this file, which is not in the kernel's circle";
            Violation::new(file, 1, what, "remove it from the table in xtask/src/tidy/house.rs")
        })
        .collect()
}

fn shortest_circle(graph: &Graph) -> Option<Vec<String>> {
    let circles = graph.keys().filter_map(|file| circle_through(graph, file));
    circles.min_by_key(Vec::len)
}

/// The shortest circle that begins with a file.
fn circle_through(graph: &Graph, start: &str) -> Option<Vec<String>> {
    let before = search(graph, start);
    let closes = |file: &&String| graph.get(*file).is_some_and(|imported| imported.contains_key(start));
    let (last, _) =
        before.iter().filter(|(file, _)| closes(file)).min_by_key(|(_, (distance, _))| distance)?;
    let mut circle = vec![last.clone()];
    while let Some((_, Some(previous))) = circle.last().and_then(|file| before.get(file)) {
        circle.push(previous.clone());
    }
    circle.reverse();
    Some(circle)
}

/// Every file that a file imports, directly or not: how far away it is, and the file before it.
fn search(graph: &Graph, start: &str) -> BTreeMap<String, (usize, Option<String>)> {
    let mut found = BTreeMap::from([(start.to_owned(), (0, None))]);
    let mut queue = VecDeque::from([(start.to_owned(), 0)]);
    while let Some((file, distance)) = queue.pop_front() {
        for next in graph.get(&file).into_iter().flat_map(BTreeMap::keys) {
            if !found.contains_key(next) {
                found.insert(next.clone(), (distance + 1, Some(file.clone())));
                queue.push_back((next.clone(), distance + 1));
            }
        }
    }
    found
}

/// The imports of a circle, each as importing and imported file.
fn steps(circle: &[String]) -> impl Iterator<Item = (&String, &String)> {
    circle.iter().zip(circle.iter().cycle().skip(1))
}

fn shown(graph: &Graph, circle: &[String]) -> Option<Violation> {
    let ties: Vec<&Tie> = steps(circle).filter_map(|(from, to)| graph.get(from)?.get(to)).collect();
    let first = ties.first()?;
    let ties: Vec<String> =
        ties.iter().map(|tie| format!("{}:{} imports `{}`", tie.file, tie.line, tie.written)).collect();
    let start = circle.first()?;
    let all = search(graph, start).into_keys().filter(|file| search(graph, file).contains_key(start)).count();
    let part = match all > circle.len() {
        true => format!(" (a part of a circle of {all} files)"),
        false => String::new(),
    };
    let what = format!("files import each other in a circle{part}: {}", ties.join(", "));
    let mend = "move the value that both need to a file that both import";
    Some(Violation::new(&first.file, first.line, what, mend))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_with(files: &[(&str, &str)], kernel: Option<&Kernel>) -> Vec<String> {
        check(&Tree::planted(files), "a", kernel).iter().map(Violation::to_string).collect()
    }

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        found_with(files, None)
    }

    const MEND: &str = "move the value that both need to a file that both import";

    #[test]
    fn a_circle_is_found_with_the_imports_that_tie_it() {
        let found = found(&[
            ("a/src/lib.rs", "mod x;\nmod y;\nmod z;\n"),
            ("a/src/x.rs", "\nuse crate::y::Y;\npub struct X;\n"),
            ("a/src/y.rs", "pub struct Y(crate::z::Z);\n"),
            ("a/src/z.rs", "pub struct Z;\nfn f() {\n    drop(format!(\"{}\", super::x::X));\n}\n"),
        ]);
        let expected = format!(
            "a/src/x.rs:2: files import each other in a circle: a/src/x.rs:2 imports `crate::y::Y`, \
             a/src/y.rs:1 imports `crate::z::Z`, a/src/z.rs:3 imports `super::x::X`; {MEND}"
        );
        assert_eq!(found, [expected]);
    }

    #[test]
    fn a_parent_that_uses_its_child_and_is_used_by_it_is_a_circle() {
        let root = ("a/src/lib.rs", "mod x;\n");
        let child = ("a/src/x/part.rs", "use super::X;\npub struct Part(X);\n");
        let uses = ("a/src/x.rs", "mod part;\npub use part::Part;\npub struct X;\nfn f(part: Part) {}\n");
        let expected = format!(
            "a/src/x.rs:2: files import each other in a circle: a/src/x.rs:2 imports `part::Part`, \
             a/src/x/part.rs:1 imports `super::X`; {MEND}"
        );
        assert_eq!(found(&[root, child, uses]), [expected]);
        let passes_on = ("a/src/x.rs", "mod part;\npub use part::Part;\npub struct X;\n");
        assert_eq!(found(&[root, child, passes_on]), [""; 0]);
    }

    #[test]
    fn a_re_export_is_an_import_of_the_file_that_defines_the_name() {
        let found = found(&[
            ("a/src/lib.rs", "mod x;\n"),
            ("a/src/x.rs", "mod one;\nmod two;\npub use one::*;\npub use two::Two;\nfn f(two: Two) {}\n"),
            ("a/src/x/one.rs", "pub struct One;\n"),
            ("a/src/x/two.rs", "use super::*;\nuse super::One as First;\npub struct Two(One, First);\n"),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn modules_inline_and_imported_modules_are_followed() {
        let found = found(&[
            ("a/src/lib.rs", "mod x { pub mod deep; }\nmod y;\n"),
            ("a/src/x/deep.rs", "use crate::y;\npub fn f() { y::part::g() }\n"),
            ("a/src/y.rs", "pub mod part { pub fn g() { super::super::x::deep::f() } }\n"),
        ]);
        let expected = format!(
            "a/src/x/deep.rs:2: files import each other in a circle: a/src/x/deep.rs:2 imports \
             `y::part::g`, a/src/y.rs:1 imports `super::super::x::deep::f`; {MEND}"
        );
        assert_eq!(found, [expected]);
    }

    #[test]
    fn test_code_and_other_crates_make_no_circle() {
        let found = found(&[
            ("a/src/lib.rs", "mod x;\nmod y;\n#[cfg(test)]\nmod tests;\n"),
            ("a/src/x.rs", "use y::Y;\nuse crate::y::Y as Own;\nfn f(y: Own) {}\n"),
            ("a/src/y.rs", "pub struct Y;\n#[cfg(all(test, shuttle))]\nmod model { use crate::x::f; }\n"),
            ("a/src/tests.rs", "use crate::x::f;\npub use crate::y::Y;\n"),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_kernel_is_one_circle_and_ties_no_other_file() {
        let files = [
            ("a/src/lib.rs", "mod x;\nmod y;\nmod z;\n"),
            ("a/src/x.rs", "use crate::y::Y;\npub struct X(Y);\n"),
            ("a/src/y.rs", "use crate::x::X;\npub struct Y(X);\n"),
            ("a/src/z.rs", "use crate::x::X;\npub struct Z(X);\n"),
        ];
        let kernel = Kernel { folder: "a", files: &["x.rs", "y.rs"] };
        assert_eq!(found_with(&files, Some(&kernel)), [""; 0]);
        let tied =
            [files[0], files[1], ("a/src/y.rs", "use crate::{x::X, z::Z};\nstruct Y(X, Z);\n"), files[3]];
        let found = found_with(&tied, Some(&kernel));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("a/src/z.rs:1: files import each other in a circle: a/src/z.rs:1 imports"),
            "{found:?}"
        );
        let wide = Kernel { folder: "a", files: &["x.rs", "y.rs", "z.rs"] };
        let found = found_with(&files, Some(&wide));
        assert!(found[0].starts_with("a/src/z.rs:1: the table of kernels names this file"), "{found:?}");
        assert_eq!(found.len(), 1);
    }
}
