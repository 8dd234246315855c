//! A component is built again if a file that its build read has changed, and not otherwise.
//!
//! Without a PATH no tool can run: the program then succeeds only with a component that is up to date.

use std::path::Path;

use crate::support::*;

/// A component that is built.
struct Built<'a> {
    folder: &'a Folder,
    name: &'a str,
}

impl<'a> Built<'a> {
    fn new(folder: &'a Folder, name: &'a str) -> Built<'a> {
        airssys(["build", name]).within(folder.path()).run().exits(0);
        Built { folder, name }
    }

    #[track_caller]
    fn is(&self, code: i32, change: &str) {
        let build = airssys(["build", self.name]).within(self.folder.path());
        let ended = build.env("PATH", "/nowhere").run();
        assert!(ended.to_string().contains(&format!("exit status: {code}\n")), "{change}: {ended}");
    }

    /// Asserts that these files do not count.
    #[track_caller]
    fn ignores(&self, files: &[&str]) {
        for file in files {
            let before = std::fs::read(self.folder.path().join(file)).unwrap_or_default();
            self.folder.write(file, [before, b"\n".to_vec()].concat());
            self.is(0, file);
        }
    }

    /// Asserts that a change of each of these files counts.
    #[track_caller]
    fn notices(&self, files: &[&str]) {
        for file in files {
            let path = self.folder.path().join(file);
            let before = std::fs::read(&path).ok();
            self.is(0, file);
            self.folder.write(file, [before.as_deref().unwrap_or_default(), b" "].concat());
            self.is(4, file);
            match before {
                Some(before) => std::fs::write(&path, before).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
        }
        self.is(0, "everything is as it was");
    }
}

/// Makes what cannot be read in a folder.
fn make_unreadable(folder: &Path) {
    let pipe = std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap();
    assert!(pipe.success());
    drop(std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap());
    std::os::unix::fs::symlink("nowhere", folder.join("dangling")).unwrap();
}

#[test]
fn sources_in_javascript_are_those_that_the_bundler_read() {
    let folder = Folder::new();
    airssys(["new", "app/one", "--lang", "js"]).within(folder.path()).run().exits(0);
    folder
        .write("app/one/package.json", r#"{"main": "main.js", "dependencies": {"left": "file:../../left"}}"#);
    folder.write(
        "app/one/package-lock.json",
        r#"{"lockfileVersion": 3, "requires": true, "packages": {
            "": {"dependencies": {"left": "file:../../left"}},
            "../../left": {"version": "1.0.0"},
            "node_modules/left": {"resolved": "../../left", "link": true}
        }}"#,
    );
    folder.write("left/package.json", r#"{"name": "left", "version": "1.0.0", "main": "left.js"}"#);
    folder.write("left/left.js", "export const left = 1;");
    folder.write("shared/outside.js", "export const outside = 2;");
    folder.write("app/one/target/inner.js", "export const inner = 3;");
    let main = r#"
        import { component, log } from "airssys";
        import { left } from "left";
        import { outside } from "../../shared/outside.js";
        import { inner } from "./target/inner";
        export const { lifecycle, handler } = component({
            initialize() { log.info("all is", left + outside + inner); },
            handle() {},
        });"#;
    folder.write("app/one/main.js", main);
    make_unreadable(&folder.path().join("app/one"));

    let one = Built::new(&folder, "app/one");
    one.ignores(&["app/one/app.toml", "app/one/audit.jsonl", "app/one/state/retained", "app/one/other.js"]);
    one.notices(&[
        "app/one/main.js",
        "app/one/package.json",
        "app/one/package-lock.json",
        "left/left.js",
        "left/package.json",
        "shared/outside.js",
        "app/one/target/inner.js",
        // It would be preferred to `inner.js`.
        "app/one/target/inner.ts",
        "app/one/jsconfig.json",
        "app/one/tsconfig.json",
    ]);
    std::fs::remove_file(folder.path().join("app/one/target/airssys/one.wasm")).unwrap();
    one.is(4, "the component is missing");

    // The whole can be moved, as into an image that has none of the tools.
    airssys(["build", "app/one"]).within(folder.path()).run().exits(0);
    std::fs::rename(folder.path().join("app"), folder.path().join("code")).unwrap();
    Built { folder: &folder, name: "code/one" }.is(0, "the folder is moved");
}

/// npm puts the packages of a workspace, and its lock file, into the folder of the workspace.
#[test]
fn components_in_an_npm_workspace_share_its_packages() {
    let folder = Folder::new();
    folder.write("shop/package.json", r#"{"name": "shop", "workspaces": ["apps/*", "packages/*"]}"#);
    folder.write(
        "shop/packages/left/package.json",
        r#"{"name": "left", "version": "1.0.0", "main": "left.js"}"#,
    );
    folder.write("shop/packages/left/left.js", "export const left = 1;");
    for name in ["one", "two"] {
        let app = format!("shop/apps/{name}");
        airssys(["new", &app, "--lang", "js"]).within(folder.path()).run().exits(0);
        let package = format!(r#"{{"name": "{name}", "main": "main.js", "dependencies": {{"left": "*"}}}}"#);
        folder.write(&format!("{app}/package.json"), package);
        let main = r#"
            import { component, log } from "airssys";
            import { left } from "left";
            export const { lifecycle, handler } = component({
                initialize(config, context) { context.trySend(context.identity.name, left); },
                handle(message, context) {
                    log.info("left is", message.decode());
                    context.stop();
                },
            });"#;
        folder.write(&format!("{app}/main.js"), main);
    }
    let root = folder.path().join("shop").canonicalize().unwrap();
    let build = |name: &str| airssys(["build", &format!("shop/apps/{name}")]).within(folder.path()).run();
    let install = format!(
        "the one of the workspace {0} does not name its folder; run `npm install` in {0}",
        root.display()
    );
    build("one").exits(4).says(&[&install]);
    let lock = r#"{"name": "shop", "lockfileVersion": 3, "requires": true, "packages": {
        "": {"name": "shop", "workspaces": ["apps/*", "packages/*"]},
        "apps/one": {"dependencies": {"left": "*"}},
        "packages/left": {"version": "1.0.0"},
        "node_modules/left": {"resolved": "packages/left", "link": true},
        "node_modules/one": {"resolved": "apps/one", "link": true}TWO
    }}"#;
    folder.write("shop/package-lock.json", lock.replace("TWO", ""));
    build("two").exits(4).says(&[&install]);
    let two = r#",
        "apps/two": {"dependencies": {"left": "*"}},
        "node_modules/two": {"resolved": "apps/two", "link": true}"#;
    folder.write("shop/package-lock.json", lock.replace("TWO", two));
    build("two").exits(0);
    let one = Built::new(&folder, "shop/apps/one");
    assert!(root.join("node_modules/left").exists() && !root.join("apps/one/node_modules").exists());
    one.ignores(&["shop/apps/two/main.js", "shop/packages/left/other.js"]);
    one.notices(&[
        "shop/apps/one/main.js",
        "shop/apps/one/package.json",
        "shop/package.json",
        "shop/package-lock.json",
        "shop/packages/left/left.js",
        "shop/packages/left/package.json",
        // The component would then have packages of its own.
        "shop/apps/one/package-lock.json",
    ]);
    airssys(["run", "shop/apps/one/app.toml"]).within(folder.path()).run().exits(0).says(&["left is 1"]);
}

/// As in an image that has none of the tools, where nothing can be written beside the code.
#[test]
#[cfg(target_os = "linux")]
fn components_that_are_built_run_on_a_read_only_file_system() {
    let folder = Folder::new();
    folder.share_target();
    // The names are in no other test, because the folder of compiled crates is shared.
    for (name, language) in [("shelved", "rust"), ("shelved-js", "js")] {
        airssys(["new", name, "--lang", language]).within(folder.path()).run().exits(0);
        airssys(["build", name]).within(folder.path()).run().exits(0);
    }
    let sockets = Folder::new();
    let (root, crates) = (folder.path().to_str().unwrap(), env!("CARGO_TARGET_TMPDIR"));
    let mount = "for folder in \"$0\" \"$1\"; do \
        mount --bind \"$folder\" \"$folder\" && mount -o remount,bind,ro \"$folder\" || exit; done; \
        cd \"$0\" && shift && exec \"$@\"";
    let wrap = |unshare: &'static [&str]| [unshare, &["sh", "-c", mount, root, crates]].concat();
    let wrappers =
        [wrap(&["unshare", "--user", "--map-root-user", "--mount"]), wrap(&["unshare", "--mount"])];
    let is_read_only = |wrapper: &&Vec<&str>| {
        let mut command = std::process::Command::new(wrapper[0]);
        command.args(&wrapper[1..]).args(["sh", "-c", "! touch probe"]);
        command.status().is_ok_and(|status| status.success()) && !folder.path().join("probe").exists()
    };
    let Some(wrapper) = wrappers.iter().find(is_read_only) else {
        eprintln!("not tested: `unshare` may not make a read-only mount here");
        return;
    };
    for (name, app) in [("shelved", "shelved/app.toml"), ("shelved-js", "shelved-js/app.toml")] {
        let run = airssys(["run", "-v", app]).within(folder.path()).wrapped(wrapper);
        // Compiled code cannot be kept either.
        let run = run.env("AIRSSYS_CACHE_DIR", &format!("{root}/cache"));
        let ended = run.env("XDG_RUNTIME_DIR", sockets.path().to_str().unwrap()).run().exits(0);
        ended.says(&[&format!("{name} says hello, world")]);
        assert!(!folder.path().join("cache").exists());
    }
}

#[test]
fn one_build_records_the_packages_that_it_installs_and_sources_dated_in_the_future() {
    let folder = Folder::new();
    airssys(["new", "one", "--lang", "js"]).within(folder.path()).run().exits(0);
    folder.write("left/package/package.json", r#"{"name": "left", "version": "1.0.0", "main": "left.js"}"#);
    folder.write("left/package/left.js", "export const left = 1;");
    let mut tar = std::process::Command::new("tar");
    tar.args(["-czf", "left.tgz", "-C", "left", "package"]).current_dir(folder.path());
    assert!(tar.status().unwrap().success());
    folder.write("one/package.json", r#"{"main": "main.js", "dependencies": {"left": "file:../left.tgz"}}"#);
    folder.write(
        "one/package-lock.json",
        r#"{"lockfileVersion": 3, "requires": true, "packages": {
            "": {"dependencies": {"left": "file:../left.tgz"}},
            "node_modules/left": {"version": "1.0.0", "resolved": "file:../left.tgz"}
        }}"#,
    );
    let main = r#"
        import { component, log } from "airssys";
        import { left } from "left";
        export const { lifecycle, handler } = component({
            initialize() { log.info("all is", left); },
            handle() {},
        });"#;
    let main = folder.write("one/main.js", main);
    let tomorrow = std::time::SystemTime::now() + std::time::Duration::from_secs(86_400);
    std::fs::File::options().write(true).open(main).unwrap().set_modified(tomorrow).unwrap();

    let one = Built::new(&folder, "one");
    one.is(0, "nothing has changed since the first build");
    one.notices(&["one/main.js", "one/node_modules/left/left.js", "left.tgz"]);
}

#[test]
fn sources_in_python_are_the_modules_that_were_imported() {
    let folder = Folder::new();
    airssys(["new", "one", "--lang", "python"]).within(folder.path()).run().exits(0);
    let main = std::fs::read_to_string(folder.path().join("one/src/main.py")).unwrap();
    let imports =
        "import helper\nfrom parts import greeting\ntry:\n    import fast\nexcept ImportError:\n    pass\n";
    folder.write(
        "one/src/main.py",
        main.replacen("import airssys\n", &format!("import airssys\n{imports}"), 1),
    );
    folder.write("one/src/helper.py", "WORD = open('/0/word.txt').read()\n");
    folder.write("one/src/word.txt", "hello");
    folder.write("one/src/parts/__init__.py", "");
    folder.write("one/src/parts/greeting.py", "");
    make_unreadable(&folder.path().join("one/src"));

    let one = Built::new(&folder, "one");
    assert!(!folder.path().join("one/src/__pycache__").exists());
    one.ignores(&["one/app.toml", "one/src/test_main.py", "one/src/parts/other.py", "one/audit.jsonl"]);
    one.notices(&[
        "one/pyproject.toml",
        "one/requirements.txt",
        "one/src/main.py",
        "one/src/helper.py",
        "one/src/word.txt",
        "one/src/parts/__init__.py",
        "one/src/parts/greeting.py",
        // It was looked for in vain.
        "one/src/fast.py",
        // It would be preferred to `helper.py`.
        "one/src/helper/__init__.py",
    ]);
}

#[test]
fn sources_in_rust_are_those_that_cargo_names() {
    let folder = Folder::kept("cli-sources");
    for name in ["one", "parts"] {
        folder.remove(name);
    }
    airssys(["new", "one"]).within(folder.path()).run().exits(0);
    folder.share_target();
    folder.write("parts/Cargo.toml", "[package]\nname = \"parts\"\nedition = \"2024\"\n[workspace]\n");
    folder.write("parts/src/lib.rs", "pub const WORD: &str = include_str!(\"word part.txt\");\n");
    folder.write("parts/src/word part.txt", "hello");
    folder.write("parts/build.rs", "fn main() { println!(\"cargo::rerun-if-changed=watched\") }\n");
    folder.write("parts/watched", "");
    let manifest = std::fs::read_to_string(folder.path().join("one/Cargo.toml")).unwrap();
    let depends = "[dependencies]\nparts = { path = \"../parts\" }";
    folder.write("one/Cargo.toml", manifest.replacen("[dependencies]", depends, 1));
    let main = std::fs::read_to_string(folder.path().join("one/src/lib.rs")).unwrap();
    folder.write("one/src/lib.rs", format!("{main}\nmod more;\n"));
    let more = "#[allow(dead_code)]\npub const WORDS: [Option<&str>; 2] = [Some(parts::WORD), option_env!(\"ONE_WORD\")];\n";
    folder.write("one/src/more.rs", more);
    make_unreadable(&folder.path().join("one"));

    let one = Built::new(&folder, "one");
    one.ignores(&["one/app.toml", "one/audit.jsonl", "one/src/other.rs", "one/state/retained"]);
    one.notices(&[
        "one/Cargo.toml",
        "one/Cargo.lock",
        "one/src/lib.rs",
        "one/src/more.rs",
        "one/rust-toolchain.toml",
        "one/.cargo/config.toml",
        "parts/Cargo.toml",
        "parts/build.rs",
        "parts/src/lib.rs",
        "parts/src/word part.txt",
        "parts/watched",
    ]);
    let worded = airssys(["build", "one"]).within(folder.path()).env("PATH", "/nowhere");
    worded.env("ONE_WORD", "hello").run().exits(4);

    // Such a build script runs when any file of its crate changes, so only cargo knows.
    folder.write("parts/build.rs", "fn main() {}\n");
    let built = airssys(["build", "one"]).within(folder.path()).run().exits(0);
    built.says(&["one will be built again by the next run, because the tools do not name every file"]);
    Built { folder: &folder, name: "one" }.is(4, "a build script that names no files");
}
