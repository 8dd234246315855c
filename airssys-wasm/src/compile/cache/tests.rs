use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use std::time::Duration;

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

fn entry<'cache>(cache: &'cache Cache, engine: &wasmtime::Engine, wasm: &[u8]) -> Entry<'cache> {
    cache.entry(engine, Kind::Component, wasm, Path::new(""))
}

/// Loads a component by way of a cache in this folder. Returns the hits, the misses and the only entry.
fn loaded(folder: &Path, text: &str) -> (usize, usize, PathBuf) {
    let (engine, wasm) = (engine(), wat::parse_str(text).unwrap());
    let cache = Cache::open(folder, "").unwrap();
    let (settings, place) = (Settings::Pooled, &Place::InProcess);
    let (source, budget) = (Path::new(""), Budget::whole());
    let code = Code { engine: &engine, settings, place, cache: Some(&cache), source, budget };
    code.component(&wasm).unwrap();
    (cache.hits(), cache.misses(), entry(&cache, &engine, &wasm).path.clone())
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
    let error = Cache::open(&folder, "").err().unwrap().to_string();
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
    let cache = Cache::open(root.path(), "").unwrap();
    let entry = entry(&cache, &engine(), &wat::parse_str(WASM).unwrap());
    entry.write(&Artifact::of_compiler(b"not code".to_vec()));
    assert!(entry.path == path && entry.unseal().is_some(), "the seal is intact");
    assert_eq!(loaded(root.path(), WASM).0, 0);
    assert_eq!(loaded(root.path(), WASM).0, 1);
}

#[test]
fn output_of_the_compiler_that_does_not_load_is_not_kept() {
    let root = tempfile::tempdir().unwrap();
    let (engine, wasm, cache) =
        (engine(), wat::parse_str(WASM).unwrap(), Cache::open(root.path(), "").unwrap());
    let program = root.path().join("compiler");
    fs::write(&program, "#!/bin/sh\nexec /bin/cat\n").unwrap();
    set_mode(&program, 0o700);
    let (settings, place) = (Settings::Pooled, &Place::Child(program));
    let (cache, budget) = (Some(&cache), Budget::whole());
    let (engine, source) = (&engine, Path::new(""));
    let code = Code { engine, settings, place, cache, source, budget };
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
fn link_that_is_swapped_after_the_check_leads_to_no_other_cache() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().canonicalize().unwrap().join(name);
    for name in ["own", "other"] {
        fs::create_dir(at(name)).unwrap();
    }
    symlink(at("own"), at("link")).unwrap();
    let cache = Cache::open(&at("link"), "").unwrap();
    fs::remove_file(at("link")).unwrap();
    symlink(at("other"), at("link")).unwrap();
    let entry = entry(&cache, &engine(), &wat::parse_str(WASM).unwrap());
    entry.write(&Artifact::of_compiler(b"code".to_vec()));
    assert!(entry.path.starts_with(at("own/compiled")) && entry.path.exists(), "{}", entry.path.display());
    assert!(!at("other/compiled").exists());
}

/// Writes an entry of 100 bytes that was used so many seconds ago.
fn write_entry(cache: &Cache, source: &str, number: u64, age: u64) -> PathBuf {
    let entry = cache.entry(&engine(), Kind::Component, &number.to_le_bytes(), Path::new(source));
    entry.write(&Artifact::of_compiler(vec![7; 100 - OWNER - SEAL]));
    let used = SystemTime::now() - Duration::from_secs(age);
    if let Ok(file) = File::open(&entry.path) {
        file.set_modified(used).unwrap();
    }
    entry.path
}

fn cache_with(folder: &Path, app: &str, bounds: Bounds) -> Cache {
    Cache { bounds, ..Cache::open(folder, app).unwrap() }
}

#[test]
fn component_or_app_that_fills_the_cache_pushes_out_its_own_entries() {
    let root = tempfile::tempdir().unwrap();
    let bounds = Bounds { all: 1_000, app: 500, component: 300 };
    let (shop, other) = (cache_with(root.path(), "shop", bounds), cache_with(root.path(), "other", bounds));
    let neighbours = [write_entry(&shop, "quiet.wasm", 0, 400), write_entry(&shop, "quiet.wasm", 1, 300)];
    let others: Vec<_> = (2..7).map(|number| write_entry(&other, "a.wasm", number, 900 - number)).collect();
    let left = |paths: &[PathBuf]| paths.iter().filter(|path| path.exists()).count();
    assert_eq!((left(&neighbours), left(&others)), (2, 3), "a component has 300 bytes");
    assert_eq!(left(&others[2..]), 3, "those that were used last are kept");
    // The hostile component is compiled again and again, and each of its files is another one.
    let hostile: Vec<_> = (100..130).map(|number| write_entry(&shop, "hostile.wasm", number, 0)).collect();
    assert_eq!((left(&neighbours), left(&others), left(&hostile)), (2, 3, 3));
    // An app with many of them has its own share.
    let many: Vec<_> =
        (200..230).map(|number| write_entry(&shop, &format!("{number}.wasm"), number, 0)).collect();
    assert_eq!((left(&others), left(&neighbours) + left(&hostile) + left(&many)), (3, 5));
    // All apps together have a bound.
    let apps = (300..330).map(|number| cache_with(root.path(), &number.to_string(), bounds));
    let many: Vec<_> = apps.zip(300..).map(|(app, number)| write_entry(&app, "a.wasm", number, 0)).collect();
    assert_eq!((left(&others), left(&many)), (0, 10));
}

#[test]
fn entry_of_another_app_is_read_and_stays_in_the_share_of_its_writer() {
    let root = tempfile::tempdir().unwrap();
    loaded(root.path(), WASM);
    let (engine, wasm) = (engine(), wat::parse_str(WASM).unwrap());
    let cache = Cache::open(root.path(), "another").unwrap();
    let entry = cache.entry(&engine, Kind::Component, &wasm, Path::new("another.wasm"));
    let before = fs::read(&entry.path).unwrap();
    assert!(entry.read(|artifact| artifact.component(&engine)).is_some());
    assert_eq!(fs::read(&entry.path).unwrap(), before);
}

#[test]
fn owner_of_an_entry_is_the_file_and_not_the_way_to_it() {
    let here = std::env::current_dir().unwrap();
    let owner = |app, file: &Path| Owner::new(app, file);
    assert_eq!(owner("shop", Path::new("a.wasm")), owner("shop", &here.join("a.wasm")));
    assert_ne!(owner("shop", Path::new("a.wasm")), owner("shop", Path::new("b.wasm")));
    assert_ne!(owner("shop", Path::new("a.wasm")), owner("other", Path::new("a.wasm")));
    assert_eq!(owner("shop", Path::new("")), owner("shop", Path::new("")));
}

#[test]
fn code_that_is_larger_than_its_share_is_not_kept() {
    let root = tempfile::tempdir().unwrap();
    let cache = cache_with(root.path(), "", Bounds { all: 1_000, app: 500, component: 99 });
    assert!(!write_entry(&cache, "a.wasm", 0, 0).exists());
}

#[test]
fn files_that_were_left_are_removed() {
    let root = tempfile::tempdir().unwrap();
    let cache = Cache::open(root.path(), "").unwrap();
    let file = |name: &str, age: u64| {
        let path = cache.folder().join(name);
        let file = File::options().create(true).append(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        path
    };
    let (unfinished, fresh, former) = (file("d.0.new", 4_000), file("e.0.new", 10), file("f.code", 4_000));
    let key = file("key", 4_000);
    let entry = write_entry(&cache, "a.wasm", 0, 0);
    let left = [&unfinished, &former, &fresh, &key, &entry].map(|path| path.exists());
    assert_eq!(left, [false, false, true, true, true]);
}
