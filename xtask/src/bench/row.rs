//! The rows of the table, and the benches that they are read from.

/// The bench that a number is read from, as `GROUP/BENCH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A median of criterion, in nanoseconds.
    Time(&'static str),
    /// A figure that a bench has written, in its unit.
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

/// Returns the group of a bench.
pub(crate) fn group(id: &str) -> &str {
    id.split('/').next().unwrap_or_default()
}

/// The ratio of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ratio {
    None,
    /// The row's number divided by each of these; the first is its floor.
    OfValue(&'static [Source]),
    /// This time divided by each of these.
    OfTime(&'static str, &'static [Source]),
    /// A figure and the name of its other side. The bench has measured both sides in turns.
    Figure(&'static str, &'static str),
}

/// The target of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    Report,
    /// The highest ratio to the floor.
    Ratio(f64),
    /// The highest number, in the row's unit.
    AtMost(f64),
    /// The lowest number, in the row's unit.
    AtLeast(f64),
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) value: Source,
    pub(crate) ratio: Ratio,
    pub(crate) target: Target,
    /// The tool without which the row may be absent.
    pub(crate) needs: Option<&'static str>,
}

impl Row {
    pub(super) const fn time(name: &'static str, id: &'static str) -> Row {
        Row::of(name, Source::Time(id))
    }

    pub(super) const fn figure(name: &'static str, id: &'static str) -> Row {
        Row::of(name, Source::Figure(id))
    }

    const fn of(name: &'static str, value: Source) -> Row {
        Row { name, value, ratio: Ratio::None, target: Target::Report, needs: None }
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

    /// Returns every bench that the row is read from.
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

/// The rows under a heading.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) rows: &'static [Row],
    /// True for rows about airssys, whose ratios are compared with the baseline. False for comparisons
    /// with other systems.
    pub(crate) ours: bool,
}

/// A line of a plot: one bench for each count.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    /// The bench's id, with `{}` for the count. One bench without it serves every count.
    pub(crate) id: &'static str,
    pub(crate) is_floor: bool,
}

/// A plot of a cost over a count.
#[derive(Debug)]
pub(crate) struct Plot {
    /// The file's name, without its extension.
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    pub(crate) x: &'static str,
    /// The reason for the shape of the lines.
    pub(crate) note: &'static str,
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
    /// True if it is a criterion program, which takes a filter.
    pub(crate) criterion: bool,
    /// Its arguments.
    pub(crate) args: &'static [&'static str],
}
