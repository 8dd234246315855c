//! The command line.

use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

use crate::measure::Job;
use crate::systems::System;
use crate::workload::Workload;

pub(crate) const HELP: &str = "\
Measures the same workloads on raw tokio, airssys-rt and its peers, on two workers.

Usage: cargo bench -p airssys-peers -- [OPTION…]

Options:
  --workload NAME…   only these workloads
  --system NAME…     only these systems, and raw tokio for comparison
  --rounds N         number of measurements of each (default 11; 3 with --quick)
  --quick            a twentieth of the operations
  --markdown         print the table as Markdown
  --json FILE        also write all results to a file; relative to benches/peers";

/// The action that the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Run(Plan),
    /// One measurement, in this process.
    Measure(Job),
}

/// The settings of a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) workloads: Vec<Workload>,
    pub(crate) systems: Vec<System>,
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) markdown: bool,
    pub(crate) json: Option<PathBuf>,
}

pub(crate) fn parse(mut parser: Parser) -> Result<Command, lexopt::Error> {
    let (mut workloads, mut systems) = (Vec::new(), Vec::new());
    let (mut rounds, mut quick, mut markdown, mut json) = (None, false, false, None);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            Arg::Long("workload") => {
                for name in parser.values()? {
                    workloads.push(name.parse_with(workload)?);
                }
            }
            Arg::Long("system") => {
                for name in parser.values()? {
                    systems.push(name.parse_with(system)?);
                }
            }
            Arg::Long("rounds") => rounds = Some(parser.value()?.parse_with(at_least_one)?),
            Arg::Long("quick") => quick = true,
            Arg::Long("markdown") => markdown = true,
            Arg::Long("json") => json = Some(parser.value()?.into()),
            // A run starts itself again with this option for each measurement.
            Arg::Long("measure") => {
                let system = parser.value()?.parse_with(system)?;
                let workload = parser.value()?.parse_with(workload)?;
                let operations = parser.value()?.parse()?;
                return Ok(Command::Measure(Job { system, workload, operations }));
            }
            // Cargo passes this to every bench.
            Arg::Long("bench") => {}
            unexpected => return Err(unexpected.unexpected()),
        }
    }
    let chosen = |all: &[System]| match systems.is_empty() {
        true => all.to_vec(),
        false => all.iter().copied().filter(|it| *it == System::Tokio || systems.contains(it)).collect(),
    };
    let systems = chosen(&System::ALL);
    if workloads.is_empty() {
        workloads = Workload::ALL.to_vec();
    }
    let rounds = rounds.unwrap_or(if quick { 3 } else { 11 });
    Ok(Command::Run(Plan { workloads, systems, rounds, quick, markdown, json }))
}

fn at_least_one(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("the number must be above 0")
}

fn workload(name: &str) -> Result<Workload, String> {
    Workload::named(name).ok_or_else(|| {
        format!("the workloads are {}", Workload::ALL.map(|workload| workload.name()).join(", "))
    })
}

fn system(name: &str) -> Result<System, String> {
    System::named(name)
        .ok_or_else(|| format!("the systems are {}", System::ALL.map(|system| system.name()).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Command, String> {
        parse(Parser::from_args(args)).map_err(|error| error.to_string())
    }

    fn plan(args: &[&str]) -> Plan {
        match parsed(args) {
            Ok(Command::Run(plan)) => plan,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_run_without_arguments_measures_everything() {
        let plan = plan(&["--bench"]);
        assert_eq!(plan.workloads, Workload::ALL);
        assert_eq!(plan.systems, System::ALL);
        assert_eq!((plan.rounds, plan.quick, plan.markdown, plan.json), (11, false, false, None));
    }

    #[test]
    fn chosen_systems_always_include_tokio() {
        let plan = plan(&["--system", "airssys", "--workload", "ring", "spawn", "--quick", "--bench"]);
        assert_eq!(plan.systems, [System::Tokio, System::Airssys]);
        assert_eq!(plan.workloads, [Workload::Ring, Workload::Spawn]);
        assert_eq!((plan.rounds, plan.quick), (3, true));
    }

    #[test]
    fn the_measure_option_needs_three_values() {
        let job = Job { system: System::Airssys, workload: Workload::Memory, operations: 7 };
        assert_eq!(parsed(&["--measure", "airssys", "memory", "7"]), Ok(Command::Measure(job)));
        assert!(parsed(&["--measure", "airssys", "memory"]).is_err());
    }

    #[test]
    fn unknown_names_are_refused() {
        assert!(parsed(&["--workload", "rings"]).unwrap_err().contains("send-bounded, "));
        assert!(parsed(&["--system", "erlang"]).unwrap_err().contains("tokio, airssys"));
        assert!(parsed(&["--rounds", "0"]).is_err());
        assert!(parsed(&["ring"]).is_err());
    }
}
