//! Times as text.

const MS_PER_DAY: i64 = 86_400_000;

/// A time in ISO 8601, in whole seconds, UTC: `2018-02-07T01:26:13Z`.
pub(crate) fn iso_8601(time_ms: i64) -> String {
    let (year, month, day) = date(time_ms.div_euclid(MS_PER_DAY));
    let second = time_ms.rem_euclid(MS_PER_DAY) / 1000;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The Gregorian date of a day counted from 1970-01-01. Computed with years that begin in March,
/// because the leap day is then the last of its year.
fn date(days: i64) -> (i64, i64, i64) {
    const DAYS_TO_1970_FROM_MARCH_OF_0: i64 = 719_468;
    const DAYS_PER_400_YEARS: i64 = 146_097;
    let days = days + DAYS_TO_1970_FROM_MARCH_OF_0;
    let era = days.div_euclid(DAYS_PER_400_YEARS);
    let day_of_era = days.rem_euclid(DAYS_PER_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_iso_8601() {
        for (time_ms, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (1_517_966_773_840, "2018-02-07T01:26:13Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(iso_8601(time_ms), expected);
        }
        iso_8601(i64::MAX);
        iso_8601(i64::MIN);
    }
}
