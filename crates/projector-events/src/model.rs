//! The fold: two rows for each record, from its envelope alone: what it says, and where its identity stands.

use brainops_event::{Catalog, Recorded};
use brainops_projection::{AnyRows, FoldError, ReadModel, Row, Rows, Table, Tables};

use crate::identity::IdentityRow;
use crate::row::EventRow;

/// The read model `events`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Events;

/// The rows of a batch of [`Events`].
#[derive(Debug, Default)]
pub struct EventTables {
    /// One row per record, only ever added to.
    pub event: Rows<EventRow>,
    /// One row per record, only ever added to: found by source and id.
    pub identity: Rows<IdentityRow>,
}

impl Tables for EventTables {
    fn each(&mut self, visit: &mut dyn FnMut(&mut dyn AnyRows)) {
        visit(&mut self.event);
        visit(&mut self.identity);
    }

    fn definitions() -> Vec<&'static Table> {
        vec![EventRow::TABLE, IdentityRow::TABLE]
    }
}

impl ReadModel for Events {
    type Tables = EventTables;

    fn name(&self) -> &'static str {
        "events"
    }

    fn fold_version(&self) -> u32 {
        2
    }

    fn topics(&self) -> &'static [&'static str] {
        Catalog::builtin().topics()
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("../../../projections/events/tables.sql")
    }

    fn views_sql(&self) -> &'static str {
        include_str!("../../../projections/events/views.sql")
    }

    fn want(&self, _: &Recorded<'_>, _: &mut Self::Tables) -> Result<(), FoldError> {
        Ok(()) // a row depends on no other, so none is ever read: repeats are found by a view
    }

    fn fold(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError> {
        tables.event.put(EventRow::of(event)?)?;
        tables.identity.put(IdentityRow::of(event))
    }
}
