//! New components and apps: they run at once, can be committed, and break no workspace around them.

use std::path::Path;
use std::process::Command;

use crate::support::*;

/// Makes an app in a folder, and runs it.
fn app_runs_at_once(lang: &str, folder: &Folder) {
    let in_folder = |args: &[&str]| airssys(args).within(folder.path());
    let name = format!("app-{lang}");
    folder.remove(&name);
    in_folder(&["new", "--app", &name, "--lang", lang])
        .run()
        .exits(0)
        .prints(&[&format!("airssys run {name}/app.toml")]);
    in_folder(&["build", &name])
        .run()
        .exits(0)
        .says(&["building greeter (1 of 2)\n", "building visitor (2 of 2)\n"]);
    in_folder(&["run", &name]).run().exits(0).says(&["visitor: greeter says hello, world"]);
}

#[test]
fn new_app_in_rust_runs_at_once_and_compiles_its_dependencies_once() {
    let folder = Folder::kept("cli-apps");
    folder.share_target();
    app_runs_at_once("rust", &folder);
    // All crates of the app have one lock file, so their dependencies are the same.
    assert!(folder.path().join("app-rust/Cargo.lock").is_file());
    airssys(["new", "app-rust/components/third"])
        .within(folder.path())
        .run()
        .exits(0)
        .prints(&["It is a member of the workspace in app-rust/Cargo.toml, whose list covers it."]);
    let third = airssys(["build", "-v", "app-rust/components/third"]).within(folder.path());
    let built = third.env("RUST_LOG", "airssys::build=debug").run().exits(0).says(&["Compiling third"]);
    assert_eq!(built.stderr.matches("Compiling ").count(), 1, "{built}");
}

#[test]
fn new_app_in_javascript_runs_at_once() {
    app_runs_at_once("js", &Folder::kept("cli-apps"));
}

#[test]
fn new_app_in_python_runs_at_once() {
    app_runs_at_once("python", &Folder::kept("cli-apps"));
}

/// The texts of all files in a folder that git does not ignore.
fn committed(folder: &Path) -> String {
    let git = |args: &[&str]| {
        let ran = Command::new("git").args(args).current_dir(folder).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    };
    git(&["init", "--quiet"]);
    let files = git(&["ls-files", "--others", "--exclude-standard"]);
    files
        .lines()
        .map(|file| format!("{file}\n{}\n", std::fs::read_to_string(folder.join(file)).unwrap()))
        .collect()
}

#[test]
fn new_components_name_a_version_of_the_sdk_and_no_path_of_this_machine() {
    let folder = Folder::new();
    let said =
        "airssys-sdk 0.1.0 is not released yet: hello/.cargo/config.toml, which git ignores, takes it from";
    airssys(["new", "hello"]).within(folder.path()).run().exits(0).prints(&[said]);
    airssys(["new", "--app", "shop"]).within(folder.path()).run().exits(0);
    for name in ["hello", "shop"] {
        let committed = committed(&folder.path().join(name));
        assert!(committed.contains("airssys-sdk = \"0.1.0\""), "{committed}");
        assert!(!committed.contains(&path("")) && !committed.contains(".cargo/config.toml"), "{committed}");
        let settings = std::fs::read_to_string(folder.path().join(name).join(".cargo/config.toml")).unwrap();
        assert!(settings.contains(&path("airssys-sdk")), "{settings}");
    }
    // As in a clone on another machine, only what is committed is there.
    std::fs::remove_dir_all(folder.path().join("hello/.cargo")).unwrap();
    folder.share_target();
    let said = format!("airssys-sdk is not released yet; taking it from {}", path("airssys-sdk"));
    airssys(["build", "hello"]).within(folder.path()).run().exits(0).says(&[&said]);
}

#[test]
fn new_component_in_the_repository_of_the_sdk_depends_on_it_by_a_relative_path() {
    let folder = Folder::kept("cli-relative");
    folder.remove("hello");
    airssys(["new", "hello"]).within(folder.path()).run().exits(0);
    let manifest = std::fs::read_to_string(folder.path().join("hello/Cargo.toml")).unwrap();
    assert!(manifest.contains("airssys-sdk = { version = \"0.1.0\", path = \"../../"), "{manifest}");
    assert!(!folder.path().join("hello/.cargo").exists());
}

/// Names the members of the workspace in a folder.
#[track_caller]
fn members(folder: &Path) -> Vec<String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(folder);
    let ran = cargo.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let mut names: Vec<_> = packages.map(|package| package["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn cargo_works_in_a_workspace_after_each_kind_of_new_folder() {
    for (list, first) in
        [("\"*\"", "one"), ("\"one\"", "one"), ("\"apps/*/components/*\"", "apps/a/components/one")]
    {
        let folder = Folder::new();
        folder.write("Cargo.toml", format!("[workspace]\nresolver = \"3\"\nmembers = [{list}] # mine\n"));
        folder.write(&format!("{first}/Cargo.toml"), "[package]\nname = \"one\"\nedition = \"2024\"\n");
        folder.write(&format!("{first}/src/lib.rs"), "");
        let root = folder.path();
        assert_eq!(members(root), ["one"], "{list}");
        let news: [(&[&str], &[&str]); 4] = [
            (&["two"], &["one", "two"]),
            (&["three", "--lang", "js"], &["one", "two"]),
            (&["four", "--app"], &["one", "two"]),
            (&["apps/five", "--app"], &["one", "two"]),
        ];
        for (args, expected) in news {
            let new = airssys(["new"].iter().chain(args)).within(root).run().exits(0);
            assert_eq!(members(root), expected, "{list} {args:?} {new}");
        }
        assert_eq!(members(&root.join("four")), ["greeter", "visitor"]);
        let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("] # mine"), "{manifest}");
        let ignored = std::fs::read_to_string(root.join(".cargo/.gitignore")).unwrap();
        assert_eq!(ignored, "/.gitignore\n/config.toml\n");
    }
}

#[test]
fn new_component_shares_the_dependencies_of_its_workspace_and_respects_its_exclusions() {
    let folder = Folder::new();
    let sdk = format!("airssys-sdk = {{ path = {:?} }}", path("airssys-sdk"));
    folder.write(
        "Cargo.toml",
        format!("[workspace]\nmembers = [\n    \"one\",\n]\nexclude = [\"out\"]\n[workspace.dependencies]\n{sdk}\n"),
    );
    let new = |name: &str| airssys(["new", name]).within(folder.path()).run().exits(0);
    new("in/two").prints(&["workspace in Cargo.toml, which now lists \"in/two\""]);
    let manifest = std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("members = [\n    \"one\",\n    \"in/two\",\n]"), "{manifest}");
    let two = std::fs::read_to_string(folder.path().join("in/two/Cargo.toml")).unwrap();
    assert!(two.contains("airssys-sdk = { workspace = true }") && !two.contains("[workspace]"), "{two}");

    new("out/three");
    let three = std::fs::read_to_string(folder.path().join("out/three/Cargo.toml")).unwrap();
    assert!(three.ends_with("\n[workspace]\n"), "{three}");
    assert_eq!(std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap(), manifest);
}
