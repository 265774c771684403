//! The read model: its tables, its SQL, and which event goes to which fold.

use brainops_event::Recorded;
use brainops_projection::{AnyRows, FoldError, ReadModel, Row, Rows, Table, Tables};

use crate::branch::BranchRow;
use crate::commit::CommitRow;
use crate::deployment::DeploymentRow;
use crate::environment::EnvironmentRow;
use crate::fact::Status;
use crate::fold;
use crate::tag::TagRow;

/// The read model `deployments`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deployments;

/// The rows of a batch of [`Deployments`].
#[derive(Debug, Default)]
pub struct DeploymentTables {
    /// Commits, by repository and commit id.
    pub commit: Rows<CommitRow>,
    /// Branches, by repository and name.
    pub branch: Rows<BranchRow>,
    /// Tags, by repository and name.
    pub tag: Rows<TagRow>,
    /// Services in their environments.
    pub environment: Rows<EnvironmentRow>,
    /// Deployments, by service, environment and id.
    pub deployment: Rows<DeploymentRow>,
}

impl Tables for DeploymentTables {
    fn each(&mut self, visit: &mut dyn FnMut(&mut dyn AnyRows)) {
        visit(&mut self.commit);
        visit(&mut self.branch);
        visit(&mut self.tag);
        visit(&mut self.environment);
        visit(&mut self.deployment);
    }

    fn definitions() -> Vec<&'static Table> {
        vec![CommitRow::TABLE, BranchRow::TABLE, TagRow::TABLE, EnvironmentRow::TABLE, DeploymentRow::TABLE]
    }
}

impl ReadModel for Deployments {
    type Tables = DeploymentTables;

    fn name(&self) -> &'static str {
        "deployments"
    }

    fn fold_version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["git", "deployment"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("../../../projections/deployments/tables.sql")
    }

    fn views_sql(&self) -> &'static str {
        include_str!("../../../projections/deployments/views.sql")
    }

    fn want(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError> {
        match Kind::of(event) {
            // What git says replaces a row whole, so only deployments read rows.
            Some(Kind::Deployment(_)) => fold::want(event, tables),
            Some(Kind::Commit | Kind::Branch | Kind::Tag) | None => Ok(()),
        }
    }

    fn fold(&self, event: &Recorded<'_>, tables: &mut Self::Tables) -> Result<(), FoldError> {
        match Kind::of(event) {
            Some(Kind::Commit) => tables.commit.put(CommitRow::of(event)?),
            Some(Kind::Branch) => tables.branch.put(BranchRow::of(event)?),
            Some(Kind::Tag) => tables.tag.put(TagRow::of(event)?),
            Some(Kind::Deployment(status)) => fold::fold(event, status, tables),
            None => Ok(()),
        }
    }
}

/// The events that this model folds.
enum Kind {
    Commit,
    Branch,
    Tag,
    Deployment(Status),
}

impl Kind {
    /// What an event is to this model. The topic counts too: were a type taken from both topics, a row would have
    /// two writers.
    fn of(event: &Recorded<'_>) -> Option<Self> {
        let topic = event.topic.as_str().rsplit('.').next();
        match (topic, event.envelope.event_type()) {
            (Some("git"), "git.commit.created") => Some(Self::Commit),
            (Some("git"), "git.branch.updated") => Some(Self::Branch),
            (Some("git"), "git.tag.created") => Some(Self::Tag),
            (Some("deployment"), event_type) => Status::of_event_type(event_type).map(Self::Deployment),
            _ => None,
        }
    }
}
