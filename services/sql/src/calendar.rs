//! Days of the Gregorian calendar as numbers.

use crate::types::{Date, Time, Timestamp};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Returns the number of days in a month.
pub(crate) fn days_in(year: i32, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days from 1970-01-01 to a date. Years are counted from March, so that the leap day is
/// the last of its year.
pub fn days_since_1970(date: Date) -> i64 {
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    let year = i64::from(date.year) - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Returns the date of a number of days from 1970-01-01.
pub fn date_since_1970(days: i64) -> Date {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let year = year + era * 400 + i64::from(month <= 2);
    Date { year: year as i32, month: month as u8, day: day as u8 }
}

/// Returns the time of a number of microseconds since midnight, which are fewer than those of a day.
pub fn time_of(micros: i64) -> Time {
    let seconds = micros / 1_000_000;
    Time {
        hour: (seconds / 3_600) as u8,
        minute: (seconds / 60 % 60) as u8,
        second: (seconds % 60) as u8,
        microsecond: (micros % 1_000_000) as u32,
    }
}

/// Returns the microseconds from midnight to a time.
pub fn micros_of(time: Time) -> i64 {
    let minutes = i64::from(time.hour) * 60 + i64::from(time.minute);
    (minutes * 60 + i64::from(time.second)) * 1_000_000 + i64::from(time.microsecond)
}

/// Returns the day and the time in UTC of a number of microseconds since 1970.
pub fn of_instant(micros: i64) -> Timestamp {
    let (days, rest) = (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY));
    Timestamp { date: date_since_1970(days), time: time_of(rest) }
}

/// Returns the microseconds since 1970 of a day and a time in UTC.
pub fn to_instant(at: Timestamp) -> i64 {
    days_since_1970(at.date) * MICROS_PER_DAY + micros_of(at.time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_inverse_and_follow_each_other() {
        assert_eq!(days_since_1970(Date { year: 1970, month: 1, day: 1 }), 0);
        assert_eq!(days_since_1970(Date { year: 2000, month: 3, day: 1 }), 11_017);
        let mut before = date_since_1970(-2_500_001);
        for days in -2_500_000..=2_950_000 {
            let date = date_since_1970(days);
            assert_eq!(days_since_1970(date), days);
            let next = match before {
                Date { year, month: 12, day: 31 } => Date { year: year + 1, month: 1, day: 1 },
                Date { year, month, day } if day == days_in(year, month) => {
                    Date { year, month: month + 1, day: 1 }
                }
                Date { year, month, day } => Date { year, month, day: day + 1 },
            };
            assert_eq!(date, next);
            before = date;
        }
    }

    #[test]
    fn instants_before_1970_have_times_of_a_day() {
        let at = of_instant(-1);
        assert_eq!((at.date.year, at.date.day), (1969, 31));
        assert_eq!(to_instant(at), -1);
    }
}
