//! Numbers with their units, to three significant digits.

/// The unit of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Ns,
    Bytes,
    /// The things per second.
    PerSecond(String),
    Count,
    Ratio,
}

impl Unit {
    /// Reads a unit as the benches write it.
    pub(crate) fn of(name: &str) -> Option<Unit> {
        match name {
            "ns" => Some(Unit::Ns),
            "bytes" => Some(Unit::Bytes),
            "count" => Some(Unit::Count),
            "ratio" => Some(Unit::Ratio),
            _ => name.strip_suffix("/s").map(|things| Unit::PerSecond(things.to_owned())),
        }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Unit::Ns => "ns".to_owned(),
            Unit::Bytes => "bytes".to_owned(),
            Unit::PerSecond(things) => format!("{things}/s"),
            Unit::Count => "count".to_owned(),
            Unit::Ratio => "ratio".to_owned(),
        }
    }

    /// Formats a number, such as `224 ns`, `1.37 µs`, `6.12 M messages/s`.
    pub(crate) fn shown(&self, amount: f64) -> String {
        self.with(amount, three)
    }

    /// Like [`Unit::shown`], without trailing zeros: `30 µs`.
    pub(crate) fn shown_short(&self, amount: f64) -> String {
        self.with(amount, |amount| short(&three(amount)))
    }

    fn with(&self, amount: f64, number: impl Fn(f64) -> String) -> String {
        const TIMES: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];
        const SIZES: [(f64, &str); 4] =
            [(1.0, "B"), (1024.0, "KiB"), (1024.0 * 1024.0, "MiB"), (1024.0 * 1024.0 * 1024.0, "GiB")];
        const MANY: [(f64, &str); 4] = [(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")];
        let (steps, things) = match self {
            Unit::Ns => (TIMES, String::new()),
            Unit::Bytes => (SIZES, String::new()),
            Unit::PerSecond(_) => (MANY, self.name()),
            Unit::Count => (MANY, String::new()),
            Unit::Ratio => return format!("{} ×", number(amount)),
        };
        // A number that rounds up to the next step is written in that step: 999.6 ns is 1.00 µs.
        let fits = |step: &&(f64, &str)| rounded(amount) >= step.0;
        let (step, prefix) = steps.iter().rev().find(fits).unwrap_or(&steps[0]);
        let words = [number(amount / step), (*prefix).to_owned(), things];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// Formats three significant digits, or all digits before the point if there are more.
fn three(amount: f64) -> String {
    if amount == 0.0 || !amount.is_finite() {
        return format!("{amount:.0}");
    }
    let rounded = rounded(amount);
    let digits_before = rounded.abs().log10().floor() as i32 + 1;
    let decimals = usize::try_from(3 - digits_before).unwrap_or(0);
    format!("{rounded:.decimals$}")
}

fn rounded(amount: f64) -> f64 {
    format!("{amount:.2e}").parse().unwrap_or(amount)
}

fn short(number: &str) -> String {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_digits_in_the_step_that_fits() {
        let times = [0.5, 35.64, 224.4, 999.4, 999.6, 1_374.0, 30_000.0, 9_876_543.0, 2e10];
        let shown = times.map(|time| Unit::Ns.shown(time));
        let expected =
            ["0.500 ns", "35.6 ns", "224 ns", "999 ns", "1.00 µs", "1.37 µs", "30.0 µs", "9.88 ms", "20.0 s"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn every_unit_has_its_steps() {
        let messages = Unit::of("messages/s").unwrap();
        assert_eq!(messages.shown(6_120_000.0), "6.12 M messages/s");
        assert_eq!(messages.name(), "messages/s");
        assert_eq!(Unit::Bytes.shown(24.0 * 1024.0), "24.0 KiB");
        assert_eq!(Unit::Count.shown(1e8), "100 M");
        assert_eq!(Unit::Count.shown(0.0), "0");
        assert_eq!(Unit::Ratio.shown(1.0), "1.00 ×");
        assert_eq!(Unit::of("miles"), None);
    }

    #[test]
    fn targets_have_no_trailing_zeros() {
        assert_eq!(Unit::Ns.shown_short(30_000.0), "30 µs");
        assert_eq!(Unit::Ns.shown_short(300.0), "300 ns");
        assert_eq!(Unit::Ratio.shown_short(1.7), "1.7 ×");
        assert_eq!(Unit::Bytes.shown_short(24.0 * 1024.0), "24 KiB");
        assert_eq!(Unit::Ratio.shown_short(12.0), "12 ×");
    }
}
