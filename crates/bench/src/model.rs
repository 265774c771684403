//! The read models of the bench: the last state of each line, every line appended, and nothing at all.

use brainops_event::Recorded;
use brainops_projection::{AnyRows, FoldError, ReadModel, Row, Rows, Table, Tables};
use brainops_projector_events::{EventTables, Events};

use crate::event::Kind;
use crate::row::{LineRow, LineSet};

/// Folds lines of one topic into one table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines<const APPENDED: bool> {
    kind: Kind,
}

impl<const APPENDED: bool> Lines<APPENDED> {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind }
    }
}

/// The rows of a batch of [`Lines`].
#[derive(Debug, Default)]
pub(crate) struct LineTables<const APPENDED: bool> {
    line: Rows<LineRow<APPENDED>>,
}

impl<const APPENDED: bool> Tables for LineTables<APPENDED> {
    fn each(&mut self, visit: &mut dyn FnMut(&mut dyn AnyRows)) {
        visit(&mut self.line);
    }

    fn definitions() -> Vec<&'static Table> {
        vec![LineRow::<APPENDED>::TABLE]
    }
}

impl<const APPENDED: bool> ReadModel for Lines<APPENDED> {
    type Tables = LineTables<APPENDED>;

    fn name(&self) -> &'static str {
        "bench"
    }

    fn fold_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        topics(self.kind)
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("tables.sql")
    }

    fn views_sql(&self) -> &'static str {
        ""
    }

    fn want(&self, _: &Recorded<'_>, _: &mut Self::Tables) -> Result<(), FoldError> {
        Ok(()) // an event says all of its row
    }

    fn fold(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError> {
        let set: LineSet<'_> = event.decode()?;
        tables.line.put(LineRow::of(&set)?)
    }
}

/// Follows, judges, reads the envelope, moves its checkpoints, and makes no rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nothing {
    kind: Kind,
    /// Whether the data is decoded too.
    decodes: bool,
}

impl Nothing {
    pub(crate) fn new(kind: Kind, decodes: bool) -> Self {
        Self { kind, decodes }
    }
}

/// No rows.
#[derive(Debug, Default)]
pub(crate) struct NoTables;

impl Tables for NoTables {
    fn each(&mut self, _: &mut dyn FnMut(&mut dyn AnyRows)) {}

    fn definitions() -> Vec<&'static Table> {
        Vec::new()
    }
}

impl ReadModel for Nothing {
    type Tables = NoTables;

    fn name(&self) -> &'static str {
        "bench"
    }

    fn fold_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        topics(self.kind)
    }

    fn tables_sql(&self) -> &'static str {
        ""
    }

    fn views_sql(&self) -> &'static str {
        ""
    }

    fn want(&self, _: &Recorded<'_>, _: &mut Self::Tables) -> Result<(), FoldError> {
        Ok(())
    }

    fn fold(&self, event: &Recorded<'_>, _: &mut Self::Tables) -> Result<(), FoldError> {
        if self.decodes {
            let set: LineSet<'_> = event.decode()?;
            std::hint::black_box(set);
        }
        Ok(())
    }
}

/// The platform's index of events, over a topic of the bench.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Index {
    kind: Kind,
}

impl Index {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind }
    }
}

impl ReadModel for Index {
    type Tables = EventTables;

    fn name(&self) -> &'static str {
        Events.name()
    }

    fn fold_version(&self) -> u32 {
        Events.fold_version()
    }

    fn topics(&self) -> &'static [&'static str] {
        topics(self.kind)
    }

    fn tables_sql(&self) -> &'static str {
        Events.tables_sql()
    }

    fn views_sql(&self) -> &'static str {
        Events.views_sql()
    }

    fn want(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError> {
        Events.want(event, tables)
    }

    fn fold(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError> {
        Events.fold(event, tables)
    }
}

fn topics(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Uniform => &["bench_uniform"],
        Kind::Zipf => &["bench_zipf"],
        Kind::Fresh => &["bench_fresh"],
        Kind::Tenfold => &["bench_tenfold"],
        Kind::Long => &["bench_long"],
        Kind::Steady => &["bench_steady"],
        Kind::Said => &[crate::said::TOPIC],
        Kind::Raw => &["bench_raw"],
    }
}
