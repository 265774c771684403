//! The read model: its tables, its SQL, and which events it folds.

use brainops_event::Recorded;
use brainops_projection::{AnyRows, FoldError, ReadModel, Row, Rows, Table, Tables};

use crate::alert::AlertRow;
use crate::fold;
use crate::status::Status;

/// The read model `operations`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Operations;

/// The rows of a batch of [`Operations`].
#[derive(Debug, Default)]
pub struct OperationTables {
    /// Alerts, by subject and start.
    pub alert: Rows<AlertRow>,
}

impl Tables for OperationTables {
    fn each(&mut self, visit: &mut dyn FnMut(&mut dyn AnyRows)) {
        visit(&mut self.alert);
    }

    fn definitions() -> Vec<&'static Table> {
        vec![AlertRow::TABLE]
    }
}

impl ReadModel for Operations {
    type Tables = OperationTables;

    fn name(&self) -> &'static str {
        "operations"
    }

    fn fold_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["monitor"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("../../../projections/operations/tables.sql")
    }

    fn views_sql(&self) -> &'static str {
        include_str!("../../../projections/operations/views.sql")
    }

    fn want(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError> {
        match Status::of_event_type(event.envelope.event_type()) {
            Some(_) => fold::want(event, tables),
            None => Ok(()),
        }
    }

    fn fold(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError> {
        match Status::of_event_type(event.envelope.event_type()) {
            Some(status) => fold::fold(event, status, tables),
            None => Ok(()),
        }
    }
}
