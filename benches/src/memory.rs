//! How much memory this process has.

use crate::{Failure, must};

/// The bytes that are resident: what is mapped several times is counted as often.
///
/// # Panics
/// If the system does not say: only Linux does.
pub fn resident() -> u64 {
    must(read("/proc/self/status", "VmRSS:"))
}

/// The bytes that are resident, where what is mapped several times is counted once.
///
/// # Panics
/// If the system does not say: only Linux does.
pub fn own() -> u64 {
    must(read("/proc/self/smaps_rollup", "Pss:"))
}

fn read(file: &str, what: &str) -> Result<u64, Failure> {
    let lines = std::fs::read_to_string(file)?;
    let line =
        lines.lines().find_map(|line| line.strip_prefix(what)).ok_or(format!("no {what} in {file}"))?;
    let number = line.trim().strip_suffix("kB").ok_or(format!("{what} is not in kB"))?;
    Ok(number.trim().parse::<u64>()? * 1024)
}
