//! The tools of JavaScript and Python are installed with settings of our own, and mended if they are broken.

use crate::support::*;

/// Settings of a user that make an installation fail or incomplete.
const NPM: [(&str, &str); 4] = [
    ("npm_config_omit", "optional"),
    ("NPM_CONFIG_OPTIONAL", "false"),
    ("npm_config_install_strategy", "linked"),
    ("npm_config_dry_run", "true"),
];
const NPMRC: &str = "omit=optional\ndry-run=true\nglobal=true\nos=plan9\n";
const PIP: [(&str, &str); 4] =
    [("PIP_NO_BINARY", ":all:"), ("PIP_USER", "1"), ("PIP_DRY_RUN", "1"), ("PIP_PREFIX", "/nowhere")];

/// The settings by which nothing is found, because they name a registry that does not exist.
const NO_REGISTRY: [(&str, &str); 6] = [
    ("npm_config_registry", "http://127.0.0.1:9/"),
    ("npm_config_replace_registry_host", "always"),
    ("npm_config_fetch_retries", "0"),
    ("npm_config_cache", "/nowhere"),
    ("PIP_NO_INDEX", "1"),
    ("PIP_FIND_LINKS", ""),
];

fn with(program: Program, variables: &[(&str, &str)]) -> Program {
    variables.iter().fold(program, |program, (name, value)| program.env(name, value))
}

/// Marks tools that were installed in vain as complete, as an older version of the program did. The next
/// build mends them.
fn broken_tools_are_mended(lang: &str, hostile: &[(&str, &str)]) {
    let folder = Folder::new();
    let tools = folder.path().join("tools");
    airssys(["new", "one", "--lang", lang]).within(folder.path()).run().exits(0);
    let build = || {
        let build = airssys(["build", "one"]).within(folder.path());
        with(build.env("AIRSSYS_TOOLS_DIR", tools.to_str().unwrap()), hostile)
    };
    with(build(), &NO_REGISTRY).run().exits(4).says(&["installing the tools", "cannot be installed into"]);
    let mut folders = tools.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let installed = folders.find(|path| path.is_dir()).unwrap();
    std::fs::write(installed.join("complete"), "").unwrap();
    build().run().exits(0).says(&["installing the tools"]);

    // After a mistake in the component, nothing is installed.
    folder.write(if lang == "js" { "one/src/main.js" } else { "one/src/main.py" }, "import {");
    let failed = build().run().exits(4);
    assert!(!failed.stderr.contains("installing"), "{failed}");
}

#[test]
fn broken_tools_of_javascript_are_mended_whatever_the_settings_of_npm() {
    let settings = Folder::new();
    let npmrc = settings.write("npmrc", NPMRC);
    let file = [("npm_config_userconfig", npmrc.as_str()), ("npm_config_globalconfig", npmrc.as_str())];
    broken_tools_are_mended("js", &[NPM.as_slice(), &file].concat());
}

#[test]
fn broken_tools_of_python_are_mended_whatever_the_settings_of_pip() {
    let settings = Folder::new();
    let config = settings.write("pip.conf", "[global]\ndry-run = true\nno-binary = :all:\n");
    broken_tools_are_mended("python", &[PIP.as_slice(), &[("PIP_CONFIG_FILE", config.as_str())]].concat());
}
