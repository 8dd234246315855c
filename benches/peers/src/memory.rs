//! Memory of this process.

use crate::tally::{Failure, broken};

/// Returns the resident bytes.
pub(crate) fn resident() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(broken)?;
    of_status(&status).ok_or_else(|| broken("`/proc/self/status` has no line `VmRSS:`"))
}

fn of_status(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Returns the bytes for each actor that was added after the first reading.
pub(crate) fn per_actor(before: u64, actors: u64) -> Result<f64, Failure> {
    Ok(resident()?.saturating_sub(before) as f64 / actors as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_parsed_from_the_status() {
        assert_eq!(of_status("VmPeak:\t  10 kB\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(of_status("VmPeak:\t 10 kB\n"), None);
    }
}
