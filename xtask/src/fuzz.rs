//! `cargo xtask fuzz`: the fuzz targets under libFuzzer, which follows the coverage of their code.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::progress::{Failed, Progress};
use crate::tool::{self, ToolError, clean_tool};

/// Seconds for each target, unless an option says otherwise.
const SECONDS: u64 = 60;

/// The memory that a target may use, in MiB. An input that needs more is a failure.
const MEMORY: u64 = 2_048;

/// The most seconds for one input.
const INPUT_SECONDS: u64 = 20;

/// Adds the counters that libFuzzer reads. cargo-fuzz passes the same flags, and a sanitizer, which
/// needs a nightly compiler. Code without `unsafe` has little use for a sanitizer.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                     -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares \
                     -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks --cfg fuzzing";

/// The options of the chore.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The targets to run. All of them if it is empty.
    pub(crate) targets: Vec<String>,
    pub(crate) seconds: Option<u64>,
    /// An input to run once, in place of fuzzing.
    pub(crate) input: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum FuzzError {
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("`{path}` cannot be read or written")]
    File { path: String, source: io::Error },
    #[error("`{name}` is not a fuzz target; the targets are {known}")]
    Unknown { name: String, known: String },
    #[error(
        "inputs make these targets fail, or use more than {MEMORY} MiB or {INPUT_SECONDS} s: {}. Each input \
         is in fuzz/artifacts/TARGET, and target/fuzz/TARGET.log ends with the failure. Run one with \
         `cargo xtask fuzz TARGET --input FILE`",
        .0.join(", ")
    )]
    Found(Vec<String>),
}

/// Builds the targets with the counters, and runs each of them for some time.
pub(crate) fn fuzz(root: &Path, options: &Options) -> Result<(), Failed> {
    let places = Places { root };
    let plan = ["the targets exist", "build the targets (libFuzzer, stable compiler)", "run the targets"];
    let mut progress = Progress::new("fuzz", plan.map(str::to_owned).into());
    let targets = progress.step(|| places.chosen(options))?;
    let triple = progress.step(|| places.build())?;
    progress.step(|| match (&options.input, targets.as_slice()) {
        (Some(input), [target]) => places.run_input(&triple, target, input),
        (_, targets) => places.run_all(&triple, targets, options.seconds.unwrap_or(SECONDS)),
    })?;
    progress.finish();
    Ok(())
}

/// The folders of the fuzz targets.
#[derive(Clone, Copy)]
struct Places<'a> {
    root: &'a Path,
}

impl Places<'_> {
    /// Seeds, in the repository. A test of `fuzz-targets` keeps its folders equal to the targets.
    fn seeds(self) -> PathBuf {
        self.root.join("fuzz/corpus")
    }

    fn target_folder(self) -> PathBuf {
        self.root.join("target/fuzz")
    }

    fn chosen(self, options: &Options) -> Result<Vec<String>, FuzzError> {
        let seeds = self.seeds();
        let failed = |source| FuzzError::File { path: shown(&seeds), source };
        let mut known = Vec::new();
        for folder in fs::read_dir(&seeds).map_err(failed)? {
            known.push(folder.map_err(failed)?.file_name().to_string_lossy().into_owned());
        }
        known.sort();
        if let Some(name) = options.targets.iter().find(|name| !known.contains(name)) {
            return Err(FuzzError::Unknown { name: name.clone(), known: known.join(", ") });
        }
        Ok(if options.targets.is_empty() { known } else { options.targets.clone() })
    }

    /// Compiles the targets, and returns the triple of this machine. A triple keeps the flags away from
    /// build scripts.
    fn build(self) -> Result<String, FuzzError> {
        let mut rustc = clean_tool("rustc", self.root);
        rustc.args(["--print", "host-tuple"]);
        let triple = tool::read(rustc)?.trim().to_owned();
        let mut cargo = clean_tool("cargo", &self.root.join("fuzz"));
        cargo.env("RUSTFLAGS", FLAGS).args(["build", "--release", "--bins", "--locked", "--target", &triple]);
        cargo.arg("--target-dir").arg(self.target_folder());
        tool::run(cargo)?;
        Ok(triple)
    }

    fn program(self, triple: &str, target: &str) -> Command {
        let program = self.target_folder().join(triple).join("release").join(target);
        let mut command = clean_tool(&program.to_string_lossy(), self.root);
        command.args([
            format!("-rss_limit_mb={MEMORY}"),
            format!("-timeout={INPUT_SECONDS}"),
            format!("-artifact_prefix={}/", self.artifacts(target).display()),
            "-print_final_stats=1".to_owned(),
        ]);
        command
    }

    fn artifacts(self, target: &str) -> PathBuf {
        self.root.join("fuzz/artifacts").join(target)
    }

    fn run_input(self, triple: &str, target: &str, input: &Path) -> Result<(), FuzzError> {
        make_folder(&self.artifacts(target))?;
        let input = std::env::current_dir().map_or_else(|_| input.to_owned(), |here| here.join(input));
        let mut program = self.program(triple, target);
        program.arg(input);
        Ok(tool::run(program)?)
    }

    fn run_all(self, triple: &str, targets: &[String], seconds: u64) -> Result<(), FuzzError> {
        let mut failing = Vec::new();
        for target in targets {
            match self.run_one(triple, target, seconds)? {
                Some(figures) => println!("{target:<20} {figures}"),
                None => {
                    println!("{target:<20} FAILED");
                    failing.push(target.clone());
                }
            }
        }
        match failing.is_empty() {
            true => Ok(()),
            false => Err(FuzzError::Found(failing)),
        }
    }

    /// Fuzzes one target. The inputs that reach new code are kept in the target folder, and the next run
    /// begins with them. Returns `None` if an input makes the target fail.
    fn run_one(self, triple: &str, target: &str, seconds: u64) -> Result<Option<Figures>, FuzzError> {
        let found = self.target_folder().join("corpus").join(target);
        let log = self.target_folder().join(format!("{target}.log"));
        make_folder(&found)?;
        make_folder(&self.artifacts(target))?;
        let output = File::create(&log).map_err(|source| FuzzError::File { path: shown(&log), source })?;
        let mut program = self.program(triple, target);
        program.arg(format!("-max_total_time={seconds}")).arg(found).arg(self.seeds().join(target));
        program.stdout(Stdio::null()).stderr(output);
        let done = tool::run(program).is_ok();
        let text =
            fs::read_to_string(&log).map_err(|source| FuzzError::File { path: shown(&log), source })?;
        Ok(done.then(|| Figures::of(&text)))
    }
}

fn make_folder(path: &Path) -> Result<(), FuzzError> {
    fs::create_dir_all(path).map_err(|source| FuzzError::File { path: shown(path), source })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The figures of a run, as libFuzzer prints them.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    inputs: u64,
    /// Edges of the control flow that some input has taken.
    edges: u64,
    /// Inputs that are kept, because each reaches something new.
    kept: u64,
    peak_mib: u64,
}

impl Figures {
    fn of(log: &str) -> Figures {
        let last = |before: &str| {
            let lines = log.lines().rev().filter_map(|line| line.split_once(before));
            lines.map(|(_, after)| number(after)).next().unwrap_or(0)
        };
        Figures {
            inputs: last("stat::number_of_executed_units:"),
            edges: last(" cov: "),
            kept: last(" corp: "),
            peak_mib: last("stat::peak_rss_mb:"),
        }
    }
}

/// Reads the digits at the beginning of a text.
fn number(text: &str) -> u64 {
    let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Figures { inputs, edges, kept, peak_mib } = self;
        write!(f, "{inputs} inputs, {edges} edges reached, {kept} inputs kept, at most {peak_mib} MiB")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_end() {
        let log = "#2\tINITED cov: 62 ft: 63 corp: 1/1b exec/s: 0 rss: 33Mb\n\
                   #9\tDONE   cov: 1012 ft: 2412 corp: 345/98Kb exec/s: 3 rss: 40Mb\n\
                   stat::number_of_executed_units: 399759\nstat::peak_rss_mb:              512\n";
        let figures = Figures { inputs: 399_759, edges: 1_012, kept: 345, peak_mib: 512 };
        assert_eq!(Figures::of(log), figures);
        assert_eq!(
            figures.to_string(),
            "399759 inputs, 1012 edges reached, 345 inputs kept, at most 512 MiB"
        );
    }

    #[test]
    fn unknown_target_is_told_the_known_ones() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let places = Places { root: &root };
        let all = places.chosen(&Options::default()).unwrap();
        assert!(all.contains(&"codec_prefix".to_owned()));
        let options = Options { targets: vec!["codec".to_owned()], ..Options::default() };
        let error = places.chosen(&options).unwrap_err().to_string();
        assert!(error.starts_with("`codec` is not a fuzz target; the targets are app_manifest, "), "{error}");
    }
}
