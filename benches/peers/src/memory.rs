//! How much memory this process has.

use crate::tally::{Failure, broken};

/// The bytes that are resident.
pub(crate) fn resident() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(broken)?;
    of_status(&status).ok_or_else(|| broken("the system does not say how much memory is resident"))
}

fn of_status(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Bytes for each of some actors that came after the first reading.
pub(crate) fn per_actor(before: u64, actors: u64) -> Result<f64, Failure> {
    Ok(resident()?.saturating_sub(before) as f64 / actors as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read() {
        assert_eq!(of_status("VmPeak:\t  10 kB\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(of_status("VmPeak:\t 10 kB\n"), None);
    }
}
