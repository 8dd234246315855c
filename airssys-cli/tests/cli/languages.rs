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

const JS: &str = "import { component, context } from \"airssys\";\n";

/// A component that would fail in every instance fails to build, with the place and the remedy.
#[test]
fn mistake_in_the_sources_of_javascript_fails_the_build() {
    let folder = Folder::new();
    folder.write("js/package.json", r#"{"name": "js", "main": "src/main.js"}"#);
    folder.write("js/Component.toml", "[component]\nname = \"js\"\nversion = \"0.1.0\"\n");
    let form = "write `export const { lifecycle, handler } = component({ … })`";
    let import = "which the component would not have; install it as a package, or remove the import";
    let cases: [(&str, &[&str]); 11] = [
        ("export default component({ handle() {} });", &["exports `default`, but not `lifecycle`; ", form]),
        ("export default (async () => component({ handle() {} }))();", &["exports `default`, but not", form]),
        ("component({ handle() {} });", &["the main file exports nothing; ", form]),
        ("export const lifecycle = {}, handler = {};", &["`lifecycle` has no function `initialize`", form]),
        ("export const lifecycle = (async () => 1)(), handler = 1;", &["`lifecycle` is a promise", form]),
        (
            "export const x = component({ handler() {} });",
            &["has got no function `handle`", "(src/main.js:2:18)"],
        ),
        (
            "export const x = component({ handle() {}, health: 1 });",
            &["`health` that is not", "(src/main.js:2:18)"],
        ),
        ("function f() { null.x } f();", &["'x' of null", "at f (src/main.js:2:16)"]),
        (
            "context.trySend(\"x\", 1);",
            &["the top level of a component runs when it is built", "(src/main.js:2:"],
        ),
        ("crypto.randomUUID();", &["move the call into `initialize` or `handle`", "(src/main.js:2:"]),
        (
            "export const late = (name) => [
                import(\"gone\").catch(() => 1),
                import(\"https://example.org/x\"),
                import(name),
            ];
            export const required = () => { try { require(\"absent\") } catch {} };",
            &[
                "src/main.js imports `gone`, ",
                "src/main.js imports `https://example.org/x`, ",
                "src/main.js imports `absent`, ",
                import,
                "the name of an imported file is computed",
                "src/main.js:5:",
            ],
        ),
    ];
    for (source, expected) in cases {
        folder.write("js/src/main.js", format!("{JS}{source}"));
        airssys(["build", "js"]).within(folder.path()).run().exits(4).says(expected);
    }
}

/// Makes packages, of which one is not written in Python alone.
const WHEELS: &str = "
import zipfile
for name, tag, requires in [('apples', 'py3-none-any', 'pears>=1'), ('pears', 'py3-none-any', ''),
                            ('stones', 'cp314-cp314-manylinux_2_17_x86_64', '')]:
    with zipfile.ZipFile(f'{name}-1.2-{tag}.whl', 'w') as wheel:
        info = f'{name}-1.2.dist-info/'
        needs = f'Requires-Dist: {requires}\\n' if requires else ''
        wheel.writestr(f'{name}.py', 'VALUE = 1')
        wheel.writestr(info + 'METADATA', f'Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.2\\n{needs}')
        wheel.writestr(info + 'WHEEL', f'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: {tag}\\n')
        wheel.writestr(info + 'RECORD', '')
";

#[test]
fn dependencies_of_a_python_project_are_locked_and_absent_imports_fail_the_build() {
    let folder = Folder::new();
    let wheels = folder.path().join("wheels");
    std::fs::create_dir(&wheels).unwrap();
    let made =
        std::process::Command::new("python3").args(["-c", WHEELS]).current_dir(&wheels).status().unwrap();
    assert!(made.success());
    let project = |dependencies: &str, python: &str| {
        let text = format!("[project]\nrequires-python = \"{python}\"\ndependencies = [{dependencies}]\n");
        folder.write("py/pyproject.toml", text);
    };
    let source = "import airssys\n\nclass Taker:\n    def handle(self, message, context):\n        \
                  import apples, pears\n        import decimal, late\n        import nowhere.inner\n";
    folder.write("py/src/main.py", source);
    folder.write("py/src/late.py", "import gone\n");
    let build = || {
        let build = airssys(["build", "py"]).within(folder.path());
        build.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", wheels.to_str().unwrap()).run().exits(4)
    };
    project("\"apples\"", ">=3.9,<3.13");
    build().says(&["asks for Python >=3.9,<3.13, but components run Python 3.14"]);
    project("\"apples\", \"stones\"", ">=3.9");
    build().says(&["names dependencies that cannot be installed", "packages in pure Python", "stones"]);
    project("\"Apples >= 1\"", ">=3.9");
    let absent = build().says(&[
        "the component would not have these modules; add their packages to the dependencies in pyproject.toml",
        "src/main.py:7: no module named `nowhere.inner`",
        "src/late.py:1: no module named `gone`",
    ]);
    assert!(!absent.stderr.contains("`apples") && !absent.stderr.contains("/airssys_entry"), "{absent}");
    let lock = std::fs::read_to_string(folder.path().join("py/requirements.txt")).unwrap();
    assert!(
        lock.contains("apples==1.2 --hash=sha256:") && lock.contains("pears==1.2 --hash=sha256:"),
        "{lock}"
    );
    project("\"apples\", \"plums\"", ">=3.9");
    build().says(&["names the dependency `plums`, which requirements.txt lacks"]);
}
