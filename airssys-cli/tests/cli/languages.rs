//! Components in JavaScript and Python, created and built by the program.

use crate::support::*;

fn create_build_and_run(lang: &str, name: &str) {
    let folder = Folder::kept("cli-languages");
    folder.remove(name);
    let in_folder = |args: &[&str]| airssys(args).within(folder.path());
    in_folder(&["new", name, "--lang", lang]).run().exits(0);
    let built = in_folder(&["build", name]).run().exits(0);
    let wasm = built.stdout.split(" (").next().unwrap();
    assert!(wasm.ends_with(&format!("{name}/target/airssys/{name}.wasm")), "{built}");
    assert!(std::fs::read(wasm).unwrap().starts_with(b"\0asm"), "{built}");
    let app = format!("{name}/app.toml");
    in_folder(&["run", &app]).run().exits(0).says(&[&format!("{name}: {name} says hello, world")]);
}

#[test]
fn a_new_component_in_javascript_builds_and_runs() {
    create_build_and_run("js", "greeter-js");
}

#[test]
fn a_new_component_in_python_builds_and_runs() {
    create_build_and_run("python", "greeter-python");
}

/// Components in languages that the program does not build are used this way.
#[test]
fn prebuilt_component_runs_by_its_path() {
    let folder = Folder::new();
    let in_folder = |args: &[&str]| airssys(args).within(folder.path());
    in_folder(&["new", "first", "--lang", "js"]).run().exits(0);
    let built = in_folder(&["build", "first"]).run().exits(0);
    let wasm = built.stdout.split(" (").next().unwrap();
    folder.write("code/hello.wasm", std::fs::read(wasm).unwrap());
    let read = |file: &str| std::fs::read_to_string(folder.path().join("first").join(file)).unwrap();
    folder.write("code/Component.toml", read("Component.toml"));
    folder.write("app.toml", read("app.toml").replace("source = \".\"", "source = \"code/hello.wasm\""));
    std::fs::remove_dir_all(folder.path().join("first")).unwrap();
    in_folder(&["check", "code/hello.wasm"]).run().exits(0).prints(&["fits"]);
    in_folder(&["run", "app.toml"]).run().exits(0).says(&["first says hello, world"]);
}

#[test]
fn missing_interpreter_is_named_with_a_way_to_install_it() {
    let folder = Folder::new();
    let nowhere = folder.path().join("nowhere");
    for (lang, program, remedy) in
        [("js", "`node`", "install nodejs npm"), ("python", "`python3`", "python3-venv")]
    {
        airssys(["new", lang, "--lang", lang]).within(folder.path()).run().exits(0);
        let build = airssys(["build", lang]).within(folder.path()).env("PATH", nowhere.to_str().unwrap());
        build.run().exits(4).says(&[program, "looked for in PATH, cannot be run", remedy]);
    }
}

#[test]
fn mistake_in_a_project_file_is_named() {
    let folder = Folder::new();
    folder.write("js/package.json", r#"{"name": "js", "main": "src/none.js"}"#);
    folder.write("python/pyproject.toml", "");
    let build = |name: &str| airssys(["build", name]).within(folder.path()).run().exits(4);
    build("js").says(&["package.json names `src/none.js` as its main file, which does not exist"]);
    build("python").says(&["pyproject.toml has no src/main.py beside it"]);
    folder.write("js/package.json", r#"{"main": "main.js", "dependencies": {"left": "1"}}"#);
    folder.write("js/main.js", "");
    build("js").says(&["has no package-lock.json beside it; `npm install` makes it"]);
}
