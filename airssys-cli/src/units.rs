//! Counts, times and sizes as text, in the unit that suits them.

use std::time::{Duration, SystemTime};

/// A count with its digits in groups of three.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count and its noun, in the plural if it is not one: `1 restart`, `1,200 restarts`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{} {noun}s", thousands(count)),
    }
}

/// A number in few characters: 0, 7.5, 950, 12.3k, 4.0M.
pub(crate) fn short(number: f64) -> String {
    match number {
        number if number < 0.05 => "0".to_owned(),
        number if number < 99.95 => format!("{number:.1}").trim_end_matches(".0").to_owned(),
        number if number < 999.5 => format!("{number:.0}"),
        number if number < 999_950.0 => format!("{:.1}k", number / 1e3),
        number if number < 999_950_000.0 => format!("{:.1}M", number / 1e6),
        number => format!("{:.1}G", number / 1e9),
    }
}

/// A size in memory: 0, 640 KiB, 1.1 MiB.
pub(crate) fn bytes(bytes: u64) -> String {
    let value = bytes as f64;
    match bytes {
        0 => "0".to_owned(),
        1..1_048_576 => format!("{:.0} KiB", value / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", value / 1_048_576.0),
        _ => format!("{:.1} GiB", value / 1_073_741_824.0),
    }
}

/// A short time, given in nanoseconds: 812 ns, 1.5 µs, 2.3 ms, 1.50 s.
pub(crate) fn duration(nanoseconds: u64) -> String {
    let value = nanoseconds as f64;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => format!("{:.1} µs", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", value / 1e6),
        _ => format!("{:.2} s", value / 1e9),
    }
}

/// A long time, given in milliseconds: 7 s, 3:07, 2:03:07, 5 d 02:03.
pub(crate) fn uptime(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes}:{:02}", seconds % 60),
        3_600..86_400 => format!("{hours}:{:02}:{:02}", minutes % 60, seconds % 60),
        _ => format!("{days} d {:02}:{:02}", hours % 24, minutes % 60),
    }
}

/// The age of a point in time, given in milliseconds since 1970.
pub(crate) fn ago(unix_ms: u64) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms);
    let seconds = SystemTime::now().duration_since(at).unwrap_or_default().as_secs();
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_a_count_are_grouped() {
        let grouped = [0, 7, 999, 1_000, 1_234_567].map(thousands);
        assert_eq!(grouped, ["0", "7", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn only_one_is_singular() {
        let shown = [0, 1, 2, 1_200].map(|count| counted(count, "restart"));
        assert_eq!(shown, ["0 restarts", "1 restart", "2 restarts", "1,200 restarts"]);
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.04, 7.5, 12.0, 99.99, 950.4, 999.7, 12_345.0, 999_999.0, 4e6, 7e9].map(short);
        assert_eq!(shown, ["0", "0", "7.5", "12", "100", "950", "1.0k", "12.3k", "1.0M", "4.0M", "7.0G"]);
    }

    #[test]
    fn sizes_are_in_the_unit_that_suits_them() {
        assert_eq!([0, 65_536, 1_114_112, 3 << 30].map(bytes), ["0", "64 KiB", "1.1 MiB", "3.0 GiB"]);
    }

    #[test]
    fn durations_are_in_the_unit_that_suits_them() {
        let shown = [812, 1_500, 2_340_000, 1_500_000_000].map(duration);
        assert_eq!(shown, ["812 ns", "1.5 µs", "2.3 ms", "1.50 s"]);
    }

    #[test]
    fn uptimes_are_shown_from_seconds_to_days() {
        let times = [7_000, 187_000, 7_387_000, 439_387_000].map(uptime);
        assert_eq!(times, ["7 s", "3:07", "2:03:07", "5 d 02:03"]);
    }
}
