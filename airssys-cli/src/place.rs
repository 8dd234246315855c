//! The paths that commands are given: an app, a component, or something else.

use std::path::{Path, PathBuf};

use airssys_wasm::manifest::{Disk, Files};

use crate::failure::Failure;

/// The files that make a folder the project of a component.
const PROJECTS: [&str; 4] = ["Component.toml", "Cargo.toml", "package.json", "pyproject.toml"];

/// A path is not of a kind that the command takes. Says what it is, and what to give instead.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {found}; {instead}", path.display())]
pub(crate) struct WrongPath {
    path: PathBuf,
    found: &'static str,
    instead: String,
}

/// An app or a single component.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The manifest of an app, which may not exist.
    App(PathBuf),
    /// The folder of a component.
    Component(PathBuf),
    /// A `.wasm` file.
    Wasm(PathBuf),
}

/// The kind of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The manifest of an app, or no file at all.
    Manifest,
    AppFolder,
    Project,
    OtherFolder,
    Wasm,
    ComponentManifest,
    /// A file of a component's project.
    ProjectFile,
    OtherFile,
}

/// Returns the manifest of the app at a path: the path itself, or `app.toml` in that folder.
pub(crate) fn app(path: &Path) -> Result<PathBuf, Failure> {
    let shown = path.display();
    let app_of = "give the app.toml of an app that lists it";
    let (found, instead) = match kind(path) {
        Kind::Manifest => return Ok(path.to_owned()),
        // A component can have an app beside it.
        Kind::AppFolder => return Ok(path.join("app.toml")),
        Kind::Project => (
            "is the folder of a component, and has no app.toml",
            format!("{app_of}, or `airssys check {shown}`"),
        ),
        Kind::OtherFolder => ("has no app.toml", elsewhere(path)),
        Kind::Wasm => {
            let app = format!("[[component]] with source = \"{shown}\"");
            (
                "is the code of a component",
                format!("give an app.toml that has a {app}, or `airssys check {shown}`"),
            )
        }
        Kind::ComponentManifest => ("is the manifest of a component", app_of.to_owned()),
        Kind::ProjectFile => ("is a file of a component's project", app_of.to_owned()),
        Kind::OtherFile => ("is not a manifest", "give an app.toml, or its folder".to_owned()),
    };
    Err(wrong(path, found, instead))
}

/// Returns the app or the component whose sources are at a path.
pub(crate) fn sources(path: &Path) -> Result<Place, Failure> {
    match app_or_component(path)? {
        Place::Wasm(path) => {
            let instead = format!("it is built already; `airssys check {}` checks it", path.display());
            Err(wrong(&path, "is the code of a component", instead))
        }
        place => Ok(place),
    }
}

/// Returns the app or the component at a path.
pub(crate) fn app_or_component(path: &Path) -> Result<Place, Failure> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let its_folder = format!("give its folder, `{}`", folder.display());
    let (found, instead) = match kind(path) {
        Kind::Manifest => return Ok(Place::App(path.to_owned())),
        Kind::AppFolder if !path.join("Component.toml").is_file() => {
            return Ok(Place::App(path.join("app.toml")));
        }
        Kind::AppFolder | Kind::Project => return Ok(Place::Component(path.to_owned())),
        Kind::Wasm => return Ok(Place::Wasm(path.to_owned())),
        Kind::OtherFolder => ("has neither an app.toml nor a Component.toml", elsewhere(path)),
        Kind::ComponentManifest => ("is the manifest of a component", its_folder),
        Kind::ProjectFile => ("is a file of a component's project", its_folder),
        Kind::OtherFile => {
            ("is not a manifest", "give an app.toml, or the folder of an app or component".to_owned())
        }
    };
    Err(wrong(path, found, instead))
}

fn wrong(path: &Path, found: &'static str, instead: String) -> Failure {
    Failure::usage(WrongPath { path: path.to_owned(), found, instead })
}

fn kind(path: &Path) -> Kind {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if path.is_dir() {
        let has = |name: &str| path.join(name).is_file();
        return match () {
            () if has("app.toml") => Kind::AppFolder,
            () if PROJECTS.iter().any(|file| has(file)) => Kind::Project,
            () => Kind::OtherFolder,
        };
    }
    match (name, path.extension().and_then(|extension| extension.to_str())) {
        (_, Some("wasm")) => Kind::Wasm,
        ("Component.toml", _) => Kind::ComponentManifest,
        (name, _) if PROJECTS.contains(&name) => Kind::ProjectFile,
        (_, Some("toml")) if is_component(path) => Kind::ComponentManifest,
        (_, Some("toml")) => Kind::Manifest,
        // A path without a file is reported as a manifest that does not exist.
        _ if !path.exists() => Kind::Manifest,
        _ => Kind::OtherFile,
    }
}

/// Returns true if a file is the manifest of a component by another name.
fn is_component(file: &Path) -> bool {
    let text = Disk.read(file).unwrap_or_default();
    let has = |header: &str| text.lines().any(|line| line.trim() == header);
    has("[component]") && !has("[app]")
}

/// Returns the apps in the subfolders, to be given instead.
fn elsewhere(folder: &Path) -> String {
    let mut apps: Vec<PathBuf> = match std::fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(_) => Vec::new(),
    };
    apps.retain(|path| path.join("app.toml").is_file());
    apps.sort();
    let names: Vec<String> = apps.iter().take(3).map(|path| format!("`{}`", path.display())).collect();
    match names.as_slice() {
        [] => "give an app.toml, or its folder".to_owned(),
        names => format!("give the folder of an app, such as {}", names.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<impl std::fmt::Debug, Failure>, folder: &Path) -> String {
        let text = result.unwrap_err().to_string();
        text.replace(&format!("{}/", folder.display()), "").replace(&folder.display().to_string(), ".")
    }

    #[test]
    fn each_kind_of_path_is_named_with_what_to_give_instead() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |name: &str, text: &str| {
            let file = root.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
            file
        };
        let app_file = write("shop/app.toml", "[app]\n");
        let component = write("feed/Component.toml", "[component]\n");
        let other = write("feed/other.toml", "[component]\nname = \"feed\"\n");
        let cargo = write("feed/Cargo.toml", "");
        let code = write("feed/feed.wasm", "");
        let text = write("notes.txt", "");
        let both = write("both/app.toml", "").parent().unwrap().to_owned();
        write("both/Component.toml", "");

        assert_eq!(app(&app_file).unwrap(), app_file);
        assert_eq!(app(app_file.parent().unwrap()).unwrap(), app_file);
        assert_eq!(app(&both).unwrap(), both.join("app.toml"));
        assert_eq!(app(&root.join("absent.toml")).unwrap(), root.join("absent.toml"));
        let app = |path: &Path| message(app(path), root);
        assert_eq!(app(root), "`.` has no app.toml; give the folder of an app, such as `both` or `shop`");
        assert_eq!(
            app(&root.join("feed")),
            "`feed` is the folder of a component, and has no app.toml; give the app.toml of an app that lists it, or \
             `airssys check feed`"
        );
        assert_eq!(
            app(&code),
            "`feed/feed.wasm` is the code of a component; give an app.toml that has a [[component]] with source = \
             \"feed/feed.wasm\", or `airssys check feed/feed.wasm`"
        );
        for (file, name) in [(&component, "Component.toml"), (&other, "other.toml")] {
            let expected = format!(
                "`feed/{name}` is the manifest of a component; give the app.toml of an app that lists it"
            );
            assert_eq!(app(file), expected);
        }
        assert!(app(&cargo).contains("is a file of a component's project"));
        assert_eq!(app(&text), "`notes.txt` is not a manifest; give an app.toml, or its folder");

        assert_eq!(app_or_component(&both).unwrap(), Place::Component(both.clone()));
        assert_eq!(app_or_component(&code).unwrap(), Place::Wasm(code.clone()));
        assert_eq!(app_or_component(&root.join("shop")).unwrap(), Place::App(app_file));
        let either = |path: &Path| message(app_or_component(path), root);
        assert_eq!(
            either(&component),
            "`feed/Component.toml` is the manifest of a component; give its folder, `feed`"
        );
        assert!(either(root).starts_with("`.` has neither an app.toml nor a Component.toml; give"));
        let sources = message(sources(&code), root);
        assert!(
            sources.ends_with("it is built already; `airssys check feed/feed.wasm` checks it"),
            "{sources}"
        );
    }
}
