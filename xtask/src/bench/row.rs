//! What a row of the table says, and where that comes from.

/// Where a number comes from, as `GROUP/BENCH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The median that criterion has found, in nanoseconds.
    Time(&'static str),
    /// A figure that a bench has written, in its own unit.
    Figure(&'static str),
}

impl Source {
    pub(crate) fn id(self) -> &'static str {
        match self {
            Source::Time(id) | Source::Figure(id) => id,
        }
    }

    #[cfg(test)]
    pub(crate) fn group(self) -> &'static str {
        group(self.id())
    }
}

/// The group of a bench.
pub(crate) fn group(id: &str) -> &str {
    id.split('/').next().unwrap_or_default()
}

/// What the ratio is of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ratio {
    None,
    /// Of the row's own number to each of these; the first is its floor.
    OfValue(&'static [Source]),
    /// Of this time to each of these.
    OfTime(&'static str, &'static [Source]),
    /// A figure: this, measured in rounds in which both sides take turns, to what it names.
    Figure(&'static str, &'static str),
}

/// What is aimed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    Report,
    /// The ratio to the floor, at most.
    Ratio(f64),
    /// In the unit of the row's own number.
    AtMost(f64),
    AtLeast(f64),
}

/// A row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) value: Source,
    pub(crate) ratio: Ratio,
    pub(crate) target: Target,
    /// What has to be there for it, if that may be missing.
    pub(crate) needs: Option<&'static str>,
}

impl Row {
    pub(super) const fn time(what: &'static str, id: &'static str) -> Row {
        Row::of(what, Source::Time(id))
    }

    pub(super) const fn figure(what: &'static str, id: &'static str) -> Row {
        Row::of(what, Source::Figure(id))
    }

    const fn of(what: &'static str, value: Source) -> Row {
        Row { what, value, ratio: Ratio::None, target: Target::Report, needs: None }
    }

    pub(super) const fn to(self, floors: &'static [Source]) -> Row {
        Row { ratio: Ratio::OfValue(floors), ..self }
    }

    pub(super) const fn ratio(self, ratio: Ratio) -> Row {
        Row { ratio, ..self }
    }

    pub(super) const fn target(self, target: Target) -> Row {
        Row { target, ..self }
    }

    pub(super) const fn needs(self, tool: &'static str) -> Row {
        Row { needs: Some(tool), ..self }
    }

    /// All that it is read from.
    #[cfg(test)]
    pub(super) fn sources(&self) -> Vec<Source> {
        let mut sources = vec![self.value];
        match self.ratio {
            Ratio::None => {}
            Ratio::OfValue(floors) => sources.extend(floors),
            Ratio::OfTime(id, floors) => {
                sources.push(Source::Time(id));
                sources.extend(floors);
            }
            Ratio::Figure(id, _) => sources.push(Source::Figure(id)),
        }
        sources
    }
}

/// Rows under a heading.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) rows: &'static [Row],
    /// Whether its ratios are ours: drawn in the chart, and held against the baseline.
    pub(crate) ours: bool,
}

/// A series of a plot: one bench for each number of things.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    /// The bench's id, with `{}` for the number; without, it is the same for all.
    pub(crate) id: &'static str,
    pub(crate) is_floor: bool,
}

/// A plot of a cost over a number of things.
#[derive(Debug)]
pub(crate) struct Plot {
    /// The file's name, without its ending.
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    pub(crate) x: &'static str,
    pub(crate) counts: &'static [u32],
    pub(crate) series: &'static [Series],
}

impl Series {
    pub(crate) fn id_at(&self, count: u32) -> String {
        self.id.replace("{}", &count.to_string())
    }
}

/// A bench target, and the groups that it measures.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) name: &'static str,
    pub(crate) groups: &'static [&'static str],
    /// Whether it is a criterion program, which takes a filter.
    pub(crate) criterion: bool,
    /// What it is told.
    pub(crate) args: &'static [&'static str],
}
