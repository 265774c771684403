//! A deployment as a row, and how facts change it.
//!
//! Times are times of happening. Starts keep the earliest, ends the latest, and the status follows from the times, so
//! the facts of one deployment may be recorded in any order: a start that comes late does not reopen what has ended.

use brainops_event::Timestamp;
use brainops_projection::{Changed, Column, ColumnType, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::body;
use crate::fact::{Fact, Status};
use crate::read::parsed;

/// Service, environment and deployment.
pub type DeploymentKey = (String, String, String);

/// A deployment of a service to an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRow {
    /// Name of the service.
    pub service: String,
    /// Name of the environment.
    pub environment: String,
    /// Id of the deployment.
    pub deployment_id: String,
    /// Repository, as the facts name it.
    pub repository: Option<String>,
    /// Commit that was deployed.
    pub sha: String,
    /// Branch or tag that was asked for.
    pub git_ref: Option<String>,
    /// Where the provider shows it.
    pub url: Option<String>,
    /// What it came to.
    pub status: Status,
    /// Reason of the last failure or rollback.
    pub reason_code: Option<String>,
    /// Earliest start.
    pub started_at: Option<Timestamp>,
    /// Latest success.
    pub succeeded_at: Option<Timestamp>,
    /// Latest failure.
    pub failed_at: Option<Timestamp>,
    /// The later of success and failure.
    pub finished_at: Option<Timestamp>,
    /// Latest rollback.
    pub rolled_back_at: Option<Timestamp>,
    /// When the latest fact happened.
    pub happened_at: Timestamp,
    /// Commit that served before.
    pub previous_sha: Option<String>,
    /// The event that last changed the row.
    pub changed: Changed,
}

impl DeploymentRow {
    /// The row after a fact. `served` is the commit that served until then by another deployment, if that is known.
    pub(crate) fn after(
        known: Option<Self>,
        body: &body::Deployment,
        fact: Fact,
        served: Option<&str>,
        changed: Changed,
    ) -> Self {
        let mut row = known.unwrap_or_else(|| Self::unheard_of(body, fact, changed.clone()));
        row.changed = changed;
        row.note_served(served);
        row.note_names(body, fact);
        row.note_reason(body, fact);
        row.note_time(fact);
        row
    }

    fn unheard_of(body: &body::Deployment, fact: Fact, changed: Changed) -> Self {
        Self {
            service: body.service.clone(),
            environment: body.environment.clone(),
            deployment_id: body.deployment_id.clone(),
            repository: None,
            sha: body.sha.clone(),
            git_ref: None,
            url: None,
            status: fact.status,
            reason_code: None,
            started_at: None,
            succeeded_at: None,
            failed_at: None,
            finished_at: None,
            rolled_back_at: None,
            happened_at: fact.at,
            previous_sha: None,
            changed,
        }
    }

    /// Once the deployment has ended, what serves is what it put there or what came after.
    fn note_served(&mut self, served: Option<&str>) {
        let has_ended = self.finished_at.is_some() || self.rolled_back_at.is_some();
        if let (false, Some(sha)) = (has_ended, served) {
            self.previous_sha = Some(sha.to_owned());
        }
    }

    /// The fact that happened last knows best; what it leaves out stays as known.
    fn note_names(&mut self, body: &body::Deployment, fact: Fact) {
        let is_latest = fact.at >= self.happened_at;
        if is_latest {
            self.sha.clone_from(&body.sha);
        }
        let places = [
            (&mut self.repository, &body.repository),
            (&mut self.git_ref, &body.git_ref),
            (&mut self.url, &body.url),
        ];
        for (known, said) in places {
            if said.is_some() && (is_latest || known.is_none()) {
                known.clone_from(said);
            }
        }
    }

    fn note_reason(&mut self, body: &body::Deployment, fact: Fact) {
        let is_trouble = matches!(fact.status, Status::Failed | Status::RolledBack);
        if is_trouble && Some(fact.at) >= self.failed_at.max(self.rolled_back_at) {
            self.reason_code.clone_from(&body.reason_code);
        }
    }

    fn note_time(&mut self, fact: Fact) {
        let at = Some(fact.at);
        match fact.status {
            Status::Started => {
                self.started_at = Some(self.started_at.map_or(fact.at, |known| known.min(fact.at)))
            }
            Status::Succeeded => self.succeeded_at = self.succeeded_at.max(at),
            Status::Failed => self.failed_at = self.failed_at.max(at),
            Status::RolledBack => self.rolled_back_at = self.rolled_back_at.max(at),
        }
        self.finished_at = self.succeeded_at.max(self.failed_at);
        self.happened_at = self.happened_at.max(fact.at);
        self.status = self.status_by_time();
    }

    /// The end that happened last; of two at the same moment the worse.
    fn status_by_time(&self) -> Status {
        let ends = [
            (self.succeeded_at, Status::Succeeded),
            (self.failed_at, Status::Failed),
            (self.rolled_back_at, Status::RolledBack),
        ];
        let last = ends.into_iter().filter_map(|(at, status)| Some((at?, status))).max();
        last.map_or(Status::Started, |(_, status)| status)
    }
}

const COLUMNS: &[Column] = &[
    Column::required("service", ColumnType::Text),
    Column::required("environment", ColumnType::Text),
    Column::required("deployment_id", ColumnType::Text),
    Column::optional("repository", ColumnType::Text),
    Column::required("sha", ColumnType::Text),
    Column::optional("git_ref", ColumnType::Text),
    Column::optional("url", ColumnType::Text),
    Column::required("status", ColumnType::Text),
    Column::optional("reason_code", ColumnType::Text),
    Column::optional("started_at", ColumnType::Timestamptz),
    Column::optional("succeeded_at", ColumnType::Timestamptz),
    Column::optional("failed_at", ColumnType::Timestamptz),
    Column::optional("finished_at", ColumnType::Timestamptz),
    Column::optional("rolled_back_at", ColumnType::Timestamptz),
    Column::required("happened_at", ColumnType::Timestamptz),
    Column::optional("previous_sha", ColumnType::Text),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for DeploymentRow {
    const TABLE: &'static Table = &Table {
        name: "deployment",
        columns: COLUMNS,
        key_columns: 3,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = DeploymentKey;

    fn key(&self) -> DeploymentKey {
        (self.service.clone(), self.environment.clone(), self.deployment_id.clone())
    }

    fn write_key((service, environment, deployment_id): &DeploymentKey, out: &mut RowWriter) {
        out.put(service).put(environment).put(deployment_id);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.service)
            .put(&self.environment)
            .put(&self.deployment_id)
            .put(&self.repository)
            .put(&self.sha)
            .put(&self.git_ref)
            .put(&self.url)
            .put(self.status.as_str())
            .put(&self.reason_code)
            .put(&self.started_at)
            .put(&self.succeeded_at)
            .put(&self.failed_at)
            .put(&self.finished_at)
            .put(&self.rolled_back_at)
            .put(&self.happened_at)
            .put(&self.previous_sha);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            service: row.try_get("service")?,
            environment: row.try_get("environment")?,
            deployment_id: row.try_get("deployment_id")?,
            repository: row.try_get("repository")?,
            sha: row.try_get("sha")?,
            git_ref: row.try_get("git_ref")?,
            url: row.try_get("url")?,
            status: parsed(row, "status")?,
            reason_code: row.try_get("reason_code")?,
            started_at: row.try_get("started_at")?,
            succeeded_at: row.try_get("succeeded_at")?,
            failed_at: row.try_get("failed_at")?,
            finished_at: row.try_get("finished_at")?,
            rolled_back_at: row.try_get("rolled_back_at")?,
            happened_at: row.try_get("happened_at")?,
            previous_sha: row.try_get("previous_sha")?,
            changed: Changed::read(row)?,
        })
    }
}
