//! The machine and the software that the benches ran on.

use std::path::Path;
use std::thread::available_parallelism;

use crate::tool::{self, tool};

/// The kind of a machine. Results of different kinds cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
}

impl Machine {
    pub(crate) fn this(root: &Path) -> Machine {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu = model(&cpuinfo).map(str::to_owned).or_else(|| {
            let mut sysctl = tool("sysctl", root);
            sysctl.args(["-n", "machdep.cpu.brand_string"]);
            cfg!(target_os = "macos").then(|| tool::read(sysctl).ok())?
        });
        let cpu = cpu.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
        Machine::new(&cpu, available_parallelism().map_or(1, usize::from))
    }

    pub(crate) fn new(cpu: &str, cores: usize) -> Machine {
        let cpu = ["(R)", "(TM)", "(r)", "(tm)"]
            .into_iter()
            .fold(cpu.to_owned(), |cpu, mark| cpu.replace(mark, ""));
        let words = cpu.split_whitespace().filter(|word| {
            let is_core = word.to_ascii_lowercase().ends_with("-core");
            !is_core && !matches!(*word, "CPU" | "Processor" | "@")
        });
        Machine { cpu: words.collect::<Vec<_>>().join(" "), cores }
    }

    /// Returns a file name for the kind, such as `amd-epyc-2-cores`.
    pub(crate) fn kind(&self) -> String {
        let letters = self.to_string();
        let words = letters.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.cores == 1 { "" } else { "s" };
        write!(f, "{}, {} core{plural}", self.cpu, self.cores)
    }
}

fn model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

/// The machine, the compiler, the engine and the commit of a measurement.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) machine: Machine,
    pub(crate) rustc: String,
    pub(crate) wasmtime: String,
    /// `None` for results of an earlier run, whose commit is unknown.
    pub(crate) commit: Option<String>,
}

impl Setting {
    /// Returns the present setting. Results of an earlier run may be of another commit.
    pub(crate) fn this(root: &Path, measured_now: bool) -> Setting {
        let line = |program: &str, args: &[&str]| {
            let mut command = tool(program, root);
            command.args(args);
            tool::read(command).map(|text| text.trim().to_owned()).unwrap_or_default()
        };
        let rustc = line("rustc", &["--version"]);
        let rustc = rustc.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let lock = std::fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
        let commit = line("git", &["rev-parse", "--short", "HEAD"]);
        let changes = if line("git", &["status", "--porcelain"]).is_empty() { "" } else { " and changes" };
        Setting {
            machine: Machine::this(root),
            rustc,
            wasmtime: locked(&lock, "wasmtime").unwrap_or_default().to_owned(),
            commit: measured_now.then(|| format!("{commit}{changes}")),
        }
    }
}

/// Returns the version of a package in a lock file.
fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let version = lock.lines().skip_while(|line| *line != name).nth(1)?;
    Some(version.strip_prefix("version = ")?.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_names_the_processor_and_its_cores() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: AMD EPYC\n";
        assert_eq!(model(cpuinfo), Some("AMD EPYC"));
        let kinds = [
            ("AMD EPYC", 2, "amd-epyc-2-cores"),
            ("Intel(R) Xeon(R) CPU @ 2.80GHz", 2, "intel-xeon-2-80ghz-2-cores"),
            ("AMD Ryzen 9 5950X 16-Core Processor", 32, "amd-ryzen-9-5950x-32-cores"),
            ("Apple M1", 1, "apple-m1-1-core"),
        ];
        for (cpu, cores, kind) in kinds {
            assert_eq!(Machine::new(cpu, cores).kind(), kind);
        }
    }

    #[test]
    fn this_machine_and_its_setting_are_known() {
        let setting = Setting::this(crate::root(), false);
        assert_eq!(setting.commit, None);
        assert!(setting.machine.cores > 0 && !setting.machine.cpu.is_empty());
        assert!(setting.wasmtime.starts_with(|first: char| first.is_ascii_digit()), "{setting:?}");
        assert!(setting.rustc.starts_with("1."), "{setting:?}");
    }
}
