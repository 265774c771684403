//! The read model: its tables, its SQL, and which events it folds.

use brainops_event::Recorded;
use brainops_projection::{AnyRows, FoldError, ReadModel, Row, Rows, Table, Tables};

use crate::agent_switch::AgentSwitchRow;
use crate::alert::AlertRow;
use crate::case::IncidentCaseRow;
use crate::deployment_health::DeploymentHealthRow;
use crate::entry::IncidentEntryRow;
use crate::fold_healing::DeploymentFact;
use crate::fold_saga::{self, SagaFact};
use crate::fold_tool::CallFact;
use crate::healing::HealingRow;
use crate::kind::EntryKind;
use crate::memory::MemoryRow;
use crate::saga::SagaRow;
use crate::status::Status;
use crate::tool_call::ToolCallRow;
use crate::{fold, fold_healing, fold_incident, fold_memory, fold_tool};

/// The read model `operations`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Operations;

/// The rows of a batch of [`Operations`].
#[derive(Debug, Default)]
pub struct OperationTables {
    /// Alerts, by subject and start.
    pub alert: Rows<AlertRow>,
    /// Incidents, by id.
    pub incident_case: Rows<IncidentCaseRow>,
    /// What happened to each.
    pub incident_entry: Rows<IncidentEntryRow>,
    /// Sagas, by agent and correlation.
    pub saga: Rows<SagaRow>,
    /// The stop switch, by agent.
    pub agent_switch: Rows<AgentSwitchRow>,
    /// Calls of tools, by subject and the name of the event that asked.
    pub tool_call: Rows<ToolCallRow>,
    /// What is concluded of the requests of deployments.
    pub deployment_health: Rows<DeploymentHealthRow>,
    /// What was done about deployments that went wrong.
    pub healing: Rows<HealingRow>,
    /// What is remembered.
    pub memory: Rows<MemoryRow>,
}

impl Tables for OperationTables {
    fn each(&mut self, visit: &mut dyn FnMut(&mut dyn AnyRows)) {
        visit(&mut self.alert);
        visit(&mut self.incident_case);
        visit(&mut self.incident_entry);
        visit(&mut self.saga);
        visit(&mut self.agent_switch);
        visit(&mut self.tool_call);
        visit(&mut self.deployment_health);
        visit(&mut self.healing);
        visit(&mut self.memory);
    }

    fn definitions() -> Vec<&'static Table> {
        vec![
            AlertRow::TABLE,
            IncidentCaseRow::TABLE,
            IncidentEntryRow::TABLE,
            SagaRow::TABLE,
            AgentSwitchRow::TABLE,
            ToolCallRow::TABLE,
            DeploymentHealthRow::TABLE,
            HealingRow::TABLE,
            MemoryRow::TABLE,
        ]
    }
}

impl ReadModel for Operations {
    type Tables = OperationTables;

    fn name(&self) -> &'static str {
        "operations"
    }

    fn fold_version(&self) -> u32 {
        6
    }

    fn topics(&self) -> &'static [&'static str] {
        &["monitor", "saga", "tool", "agent", "memory"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("../../../projections/operations/tables.sql")
    }

    fn views_sql(&self) -> &'static str {
        include_str!("../../../projections/operations/views.sql")
    }

    fn want(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError> {
        match Fact::of_event_type(event.envelope.event_type()) {
            Some(Fact::Alert(_)) => fold::want(event, tables),
            Some(Fact::Incident(_)) => fold_incident::want(event, tables),
            Some(Fact::Saga(_)) => fold_saga::want(event, tables),
            Some(Fact::Switch(_)) => fold_saga::want_switch(event, tables),
            Some(Fact::Call(fact)) => fold_tool::want(event, fact, tables),
            Some(Fact::Deployment(fact)) => fold_healing::want(event, fact, tables),
            Some(Fact::Memory) => fold_memory::want(event, tables),
            None => Ok(()),
        }
    }

    fn fold(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError> {
        match Fact::of_event_type(event.envelope.event_type()) {
            Some(Fact::Alert(status)) => fold::fold(event, status, tables),
            Some(Fact::Incident(kind)) => fold_incident::fold(event, kind, tables),
            Some(Fact::Saga(fact)) => fold_saga::fold(event, fact, tables),
            Some(Fact::Switch(stops)) => fold_saga::fold_switch(event, stops, tables),
            Some(Fact::Call(fact)) => fold_tool::fold(event, fact, tables),
            Some(Fact::Deployment(fact)) => fold_healing::fold(event, fact, tables),
            Some(Fact::Memory) => fold_memory::fold(event, tables),
            None => Ok(()),
        }
    }
}

/// What an event of a type tells.
enum Fact {
    Alert(Status),
    Incident(EntryKind),
    Saga(SagaFact),
    /// Whether agents stop.
    Switch(bool),
    Call(CallFact),
    Deployment(DeploymentFact),
    Memory,
}

impl Fact {
    fn of_event_type(event_type: &str) -> Option<Self> {
        Status::of_event_type(event_type)
            .map(Self::Alert)
            .or_else(|| EntryKind::of_event_type(event_type).map(Self::Incident))
            .or_else(|| SagaFact::of_event_type(event_type).map(Self::Saga))
            .or_else(|| fold_saga::switches(event_type).map(Self::Switch))
            .or_else(|| CallFact::of_event_type(event_type).map(Self::Call))
            .or_else(|| DeploymentFact::of_event_type(event_type).map(Self::Deployment))
            .or_else(|| fold_memory::tells(event_type).then_some(Self::Memory))
    }
}
