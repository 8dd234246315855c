use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::compile::settings::Settings;
use crate::compile::{Budget, Code, Place};

const WASM: &str = "(component (core module $m (func (export \"f\"))) (core instance (instantiate $m)))";
const OTHER: &str = "(component (core module $m (func (export \"g\"))) (core instance (instantiate $m)))";

fn engine() -> wasmtime::Engine {
    wasmtime::Engine::new(&Settings::Pooled.config()).unwrap()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Loads a component by way of a cache in this folder. Returns the hits, the misses and the only entry.
fn loaded(folder: &Path, text: &str) -> (usize, usize, PathBuf) {
    let (engine, wasm) = (engine(), wat::parse_str(text).unwrap());
    let cache = Cache::open(folder).unwrap();
    let (settings, place) = (Settings::Pooled, &Place::InProcess);
    let code = Code { engine: &engine, settings, place, cache: Some(&cache), budget: Budget::whole() };
    code.component(&wasm).unwrap();
    (cache.hits(), cache.misses(), cache.entry(&engine, Kind::Component, &wasm).path)
}

#[test]
fn folder_and_files_are_for_their_owner_only_whatever_was_there() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("a/cache");
    let (_, _, entry) = loaded(&folder, WASM);
    let compiled = folder.join(FOLDER);
    assert_eq!([mode(&folder), mode(&compiled)], [0o700; 2]);
    assert_eq!([mode(&entry), mode(&compiled.join("key"))], [0o600; 2]);
    let names = fs::read_dir(&compiled).unwrap().count();
    assert_eq!(names, 2, "no unfinished file is left");
    set_mode(&compiled, 0o777);
    loaded(&folder, WASM);
    assert_eq!(mode(&compiled), 0o700);
    set_mode(&folder, 0o777);
    let error = Cache::open(&folder).err().unwrap().to_string();
    assert!(error.contains("has mode 777") && error.contains("chmod go-w"), "{error}");
}

#[test]
fn entry_is_read_only_as_it_was_written() {
    let root = tempfile::tempdir().unwrap();
    let (hits, misses, entry) = loaded(root.path(), WASM);
    assert_eq!((hits, misses), (0, 1));
    let whole = fs::read(&entry).unwrap();
    let (_, _, other) = loaded(root.path(), OTHER);
    let foreign = fs::read(&other).unwrap();
    let middle = |byte: u8| {
        let mut changed = whole.clone();
        let at = changed.len() / 2;
        changed[at] ^= byte;
        changed
    };
    let sealed_by_another_key = {
        let another = tempfile::tempdir().unwrap();
        let (_, _, entry) = loaded(another.path(), WASM);
        fs::read(entry).unwrap()
    };
    let damages = [
        middle(1),
        whole[..whole.len() - 1].to_vec(),
        [&whole[..], b"x"].concat(),
        foreign,
        sealed_by_another_key,
        Vec::new(),
        vec![0; 40],
    ];
    for damage in damages {
        fs::write(&entry, &damage).unwrap();
        let (hits, misses, _) = loaded(root.path(), WASM);
        assert_eq!((hits, misses), (0, 1), "an entry of {} bytes", damage.len());
        // It was replaced.
        assert_eq!(loaded(root.path(), WASM).0, 1);
    }
}

#[test]
fn sealed_entry_that_does_not_load_is_compiled_again_and_replaced() {
    let root = tempfile::tempdir().unwrap();
    let (_, _, path) = loaded(root.path(), WASM);
    let cache = Cache::open(root.path()).unwrap();
    let entry = cache.entry(&engine(), Kind::Component, &wat::parse_str(WASM).unwrap());
    entry.write(&Artifact::of_compiler(b"not code".to_vec()));
    assert!(entry.path == path && entry.unseal().is_some(), "the seal is intact");
    assert_eq!(loaded(root.path(), WASM).0, 0);
    assert_eq!(loaded(root.path(), WASM).0, 1);
}

#[test]
fn output_of_the_compiler_that_does_not_load_is_not_kept() {
    let root = tempfile::tempdir().unwrap();
    let (engine, wasm, cache) = (engine(), wat::parse_str(WASM).unwrap(), Cache::open(root.path()).unwrap());
    let program = root.path().join("compiler");
    fs::write(&program, "#!/bin/sh\nexec /bin/cat\n").unwrap();
    set_mode(&program, 0o700);
    let (settings, place) = (Settings::Pooled, &Place::Child(program));
    let (cache, budget) = (Some(&cache), Budget::whole());
    let code = Code { engine: &engine, settings, place, cache, budget };
    assert!(code.component(&wasm).is_err());
    let names = fs::read_dir(root.path().join(FOLDER)).unwrap().map(|file| file.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["key"]);
}

#[test]
fn entry_that_is_a_link_or_a_pipe_is_replaced_without_touching_its_target() {
    let root = tempfile::tempdir().unwrap();
    let (_, _, entry) = loaded(root.path(), WASM);
    let target = root.path().join("target");
    fs::write(&target, "precious").unwrap();
    fs::remove_file(&entry).unwrap();
    symlink(&target, &entry).unwrap();
    assert_eq!(loaded(root.path(), WASM).0, 0);
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    fs::remove_file(&entry).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&entry).status().unwrap().success());
    assert_eq!(loaded(root.path(), WASM).0, 0);
    assert_eq!(loaded(root.path(), WASM).0, 1);
}

#[test]
fn key_that_others_could_read_is_replaced_and_its_entries_are_compiled_again() {
    let root = tempfile::tempdir().unwrap();
    loaded(root.path(), WASM);
    let key = root.path().join(FOLDER).join("key");
    for damage in ["mode", "length", "link", "long"] {
        assert_eq!(loaded(root.path(), WASM).0, 1);
        let before = fs::read(&key).unwrap();
        match damage {
            "mode" => set_mode(&key, 0o644),
            "length" => fs::write(&key, &before[1..]).unwrap(),
            "long" => fs::write(&key, vec![7; 1 << 20]).unwrap(),
            _ => {
                fs::rename(&key, root.path().join("moved")).unwrap();
                symlink(root.path().join("moved"), &key).unwrap();
            }
        }
        assert_eq!(loaded(root.path(), WASM).0, 0, "{damage}");
        let after = fs::read(&key).unwrap();
        assert!(after != before && after.len() == BYTES && mode(&key) == 0o600, "{damage}");
    }
}

const BYTES: usize = 32;

#[test]
fn oldest_entries_are_removed_from_a_full_cache() {
    let root = tempfile::tempdir().unwrap();
    let entry = |name: &str, age: u64| {
        let path = root.path().join(name);
        fs::write(&path, [0; 100]).unwrap();
        let used = SystemTime::now() - Duration::from_secs(age);
        File::open(&path).unwrap().set_modified(used).unwrap();
        path
    };
    let (old, newer, newest) = (entry("a.code", 300), entry("b.code", 200), entry("c.code", 100));
    let (left, fresh) = (entry("d.0.new", 4_000), entry("e.0.new", 10));
    prune(root.path(), 250);
    assert_eq!(
        [&old, &newer, &newest, &left, &fresh].map(|path| path.exists()),
        [false, true, true, false, true]
    );
}
