//! Dead letters that were neither retried nor dropped.

use crate::failure::Failure;
use crate::units::counted;

/// Fails if some letters could not be retried or dropped.
pub(super) fn check_none_failed(verb: &str, failed: &[(String, Vec<u64>)]) -> Result<(), Failure> {
    let reason = |(message, failed): &(String, Vec<u64>)| {
        let ids: Vec<String> = failed.iter().take(10).map(u64::to_string).collect();
        let more = if failed.len() > ids.len() { ", …" } else { "" };
        format!("{message} ({}: {}{more})", counted(failed.len() as u64, "letter"), ids.join(", "))
    };
    match failed {
        [] => Ok(()),
        failed => {
            let reasons: Vec<String> = failed.iter().map(reason).collect();
            Err(Failure::run(format!("some dead letters were not {verb}"), reasons.join("\n")))
        }
    }
}
