//! The read model: its tables, its SQL, and which events it folds.

use brainops_event::Recorded;
use brainops_projection::{AnyRows, FoldError, ReadModel, Row, Rows, Table, Tables};

use crate::fold;
use crate::lead::LeadRow;
use crate::stage::Stage;
use crate::stage_entry::StageEntryRow;

/// The read model `leads`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Leads;

/// The rows of a batch of [`Leads`].
#[derive(Debug, Default)]
pub struct LeadTables {
    /// Leads, by id.
    pub lead: Rows<LeadRow>,
    /// When each lead reached each stage.
    pub stage_entry: Rows<StageEntryRow>,
}

impl Tables for LeadTables {
    fn each(&mut self, visit: &mut dyn FnMut(&mut dyn AnyRows)) {
        visit(&mut self.lead);
        visit(&mut self.stage_entry);
    }

    fn definitions() -> Vec<&'static Table> {
        vec![LeadRow::TABLE, StageEntryRow::TABLE]
    }
}

impl ReadModel for Leads {
    type Tables = LeadTables;

    fn name(&self) -> &'static str {
        "leads"
    }

    fn fold_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["lead"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("../../../projections/leads/tables.sql")
    }

    fn views_sql(&self) -> &'static str {
        include_str!("../../../projections/leads/views.sql")
    }

    fn want(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError> {
        // Stage entries are written whole: the lead's row knows which fact counts.
        if is_known(event) { tables.lead.want(fold::lead_of(event)?) } else { Ok(()) }
    }

    fn fold(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError> {
        if is_known(event) { fold::fold(event, tables) } else { Ok(()) }
    }
}

fn is_known(event: &Recorded<'_>) -> bool {
    let event_type = event.envelope.event_type();
    Stage::of_event_type(event_type).is_some() || matches!(event_type, "outreach.ready" | "outreach.bounced")
}
