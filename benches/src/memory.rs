//! How much memory this process has.

use crate::{Failure, must};

/// The bytes that are resident.
///
/// # Panics
/// If the system does not say: only Linux does.
pub fn resident() -> u64 {
    must(read())
}

fn read() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix("kB")).ok_or("VmRSS is not told")?;
    Ok(number.trim().parse::<u64>()? * 1024)
}
