//! Medians and spreads.

/// Median, minimum and maximum of some results.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Returns `None` if `figures` is empty.
    pub(crate) fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        };
        Some(Self { min, median, max })
    }

    /// Returns the spread of the ratios to the results of the same rounds.
    pub(crate) fn of_ratios(figures: &[Option<f64>], to: &[Option<f64>]) -> Option<Self> {
        let rounds = figures.iter().zip(to);
        let ratios: Vec<f64> = rounds.filter_map(|(figure, to)| Some((*figure)? / (*to)?)).collect();
        Self::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Spread::of(&[3.0, 1.0, 9.0]), Some(Spread { min: 1.0, median: 3.0, max: 9.0 }));
        assert_eq!(Spread::of(&[4.0, 2.0]).map(|spread| spread.median), Some(3.0));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn ratios_compare_results_of_the_same_round() {
        let figures = [Some(1.0), None, Some(30.0), Some(8.0)];
        let to = [Some(2.0), Some(5.0), Some(10.0), Some(4.0)];
        let spread = Spread::of_ratios(&figures, &to).unwrap();
        assert_eq!(spread, Spread { min: 0.5, median: 2.0, max: 3.0 });
        assert_eq!(Spread::of_ratios(&[None], &[Some(1.0)]), None);
    }
}
