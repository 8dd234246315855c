//! Memory of this process.

use crate::{Failure, must};

/// Returns the resident bytes. A page that is mapped several times counts each time.
///
/// # Panics
/// If the system does not report it; only Linux does.
pub fn resident() -> u64 {
    must(read("/proc/self/status", "VmRSS:"))
}

/// Returns the resident bytes, with a page that is mapped several times counted once.
///
/// # Panics
/// If the system does not report it; only Linux does.
pub fn own() -> u64 {
    must(read("/proc/self/smaps_rollup", "Pss:"))
}

fn read(file: &str, what: &str) -> Result<u64, Failure> {
    let lines = std::fs::read_to_string(file)?;
    let line = lines
        .lines()
        .find_map(|line| line.strip_prefix(what))
        .ok_or(format!("`{file}` has no line `{what}`"))?;
    let number = line.trim().strip_suffix("kB").ok_or(format!("{what} is not in kB"))?;
    Ok(number.trim().parse::<u64>()? * 1024)
}
