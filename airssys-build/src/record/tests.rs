//! Records and the changes that end them.

use super::*;

/// A component that was built from `src/main.py`.
struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Project {
        let project = Project(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(project.at("src")).unwrap();
        create_build_folder(&project.folder()).unwrap();
        project.write("src/main.py", "x = 1");
        project.write("target/airssys/x.wasm", "code");
        project
    }

    fn folder(&self) -> PathBuf {
        self.0.path().canonicalize().unwrap()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.at(name), text).unwrap();
    }

    /// Records a build that began after the last change.
    fn record(&self, change: impl FnOnce(&mut Inputs)) -> Result<Record, String> {
        let mut inputs = Inputs::new();
        inputs.probe(&self.at("src/main.py"));
        inputs.probe(&self.at("src/json.py"));
        change(&mut inputs);
        let later = SystemTime::now() + std::time::Duration::from_secs(1);
        let record =
            Record::new(&self.folder(), "program", &self.at("target/airssys/x.wasm"), &inputs, later);
        record.iter().for_each(|record| record.write(&self.folder()).unwrap());
        record
    }

    fn is_current(&self) -> bool {
        Record::current_artifact(&self.folder(), "program").is_some()
    }
}

#[test]
fn only_inputs_count() {
    let project = Project::new();
    assert!(!project.is_current());
    project.record(|_| {}).unwrap();
    project.write("app.toml", "[app]");
    project.write("src/other.py", "x = 2");
    std::fs::create_dir(project.at("state")).unwrap();
    let expected = Some(project.at("target/airssys/x.wasm"));
    assert_eq!(Record::current_artifact(&project.folder(), "program"), expected);
    assert_eq!(Record::current_artifact(&project.folder(), "another program"), None);
}

#[test]
fn each_change_of_an_input_counts() {
    let project = Project::new();
    let changes: [(&str, Option<&str>); 5] = [
        ("src/main.py", Some("x = 2")),
        ("src/main.py", None),
        ("src/json.py", Some("")),
        ("target/airssys/x.wasm", Some("other")),
        ("target/airssys/x.wasm", None),
    ];
    for (name, text) in changes {
        let before = std::fs::read(project.at(name)).ok();
        project.record(|_| {}).unwrap();
        assert!(project.is_current());
        match text {
            Some(text) => project.write(name, text),
            None => std::fs::remove_file(project.at(name)).unwrap(),
        }
        assert!(!project.is_current(), "{name} becomes {text:?}");
        match before {
            Some(before) => std::fs::write(project.at(name), before).unwrap(),
            None => std::fs::remove_file(project.at(name)).unwrap(),
        }
        assert!(project.is_current());
    }
}

#[test]
fn moved_project_is_current() {
    let project = Project::new();
    let shared = tempfile::tempdir_in(project.0.path()).unwrap();
    let (from, to) = (shared.path().join("from"), shared.path().join("to"));
    std::fs::create_dir_all(from.join("component/target/airssys")).unwrap();
    std::fs::write(from.join("shared.js"), "x").unwrap();
    std::fs::write(from.join("component/target/airssys/x.wasm"), "code").unwrap();
    let folder = from.join("component").canonicalize().unwrap();
    let mut inputs = Inputs::new();
    inputs.probe(&plain(&folder.join("../shared.js")));
    let later = SystemTime::now() + std::time::Duration::from_secs(1);
    let record = Record::new(&folder, "program", &folder.join("target/airssys/x.wasm"), &inputs, later);
    record.unwrap().write(&folder).unwrap();
    std::fs::rename(&from, &to).unwrap();
    let folder = to.join("component").canonicalize().unwrap();
    assert!(Record::current_artifact(&folder, "program").is_some());
    std::fs::write(to.join("shared.js"), "y").unwrap();
    assert!(Record::current_artifact(&folder, "program").is_none());
}

#[test]
fn compiler_may_be_missing_but_not_another() {
    let project = Project::new();
    project.write("compiler", "1");
    project.record(|inputs| inputs.compiler.extend([project.at("compiler")])).unwrap();
    project.write("compiler", "2");
    assert!(!project.is_current());
    std::fs::remove_file(project.at("compiler")).unwrap();
    assert!(project.is_current());
}

#[test]
fn inputs_that_changed_meanwhile_or_are_not_known_are_not_recorded() {
    let project = Project::new();
    let unknown = project.record(|inputs| inputs.complete = false).unwrap_err();
    assert_eq!(unknown, "the tools do not name every file that they read");
    let mut inputs = Inputs::new();
    inputs.probe(&project.at("src/main.py"));
    let earlier = SystemTime::now() - std::time::Duration::from_secs(60);
    let artifact = project.at("target/airssys/x.wasm");
    let changed = Record::new(&project.folder(), "program", &artifact, &inputs, earlier).unwrap_err();
    assert!(changed.starts_with("`src/main.py` has changed since the build began"), "{changed}");
    std::fs::remove_file(&artifact).unwrap();
    let missing = project.record(|_| {}).unwrap_err();
    assert_eq!(missing, "`target/airssys/x.wasm` cannot be read");
}

#[test]
fn packages_count_from_their_installation_and_other_files_from_the_beginning() {
    let project = Project::new();
    std::fs::create_dir(project.at("node_modules")).unwrap();
    project.write("node_modules/left.js", "x");
    let at = |seconds: i64| {
        let distance = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance }
    };
    let record = |file: &str, began: SystemTime, installed: SystemTime| {
        let mut inputs = Inputs::new();
        inputs.probe(&project.at(file));
        inputs.installed = Some((project.at("node_modules"), installed));
        Record::new(&project.folder(), "program", &project.at("target/airssys/x.wasm"), &inputs, began)
    };
    assert!(record("node_modules/left.js", at(-60), at(60)).is_ok());
    assert!(record("node_modules/left.js", at(60), at(-60)).is_err());
    assert!(record("src/main.py", at(-60), at(60)).is_err());
}

#[cfg(unix)]
#[test]
fn input_that_is_dated_in_the_future_is_recorded() {
    let project = Project::new();
    let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    let source = std::fs::File::options().write(true).open(project.at("src/main.py")).unwrap();
    source.set_modified(tomorrow).unwrap();
    project.record(|_| {}).unwrap();
    assert!(project.is_current());
}

#[test]
fn variables_count() {
    let project = Project::new();
    project.record(|inputs| inputs.variables.extend(["PATH".to_owned()])).unwrap();
    assert!(project.is_current());
    let mut record: Record =
        serde_json::from_slice(&std::fs::read(build_folder(&project.folder()).join(FILE)).unwrap()).unwrap();
    record.variables.insert("PATH".to_owned(), None);
    record.write(&project.folder()).unwrap();
    assert!(!project.is_current());
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_place_of_an_input_is_not_opened() {
    let project = Project::new();
    project.record(|_| {}).unwrap();
    for name in ["src/json.py", "src/main.py"] {
        drop(std::fs::remove_file(project.at(name)));
        let made = std::process::Command::new("mkfifo").arg(project.at(name)).status().unwrap();
        assert!(made.success());
        // Opening it would wait for ever.
        assert_eq!(project.is_current(), name == "src/json.py");
    }
}
