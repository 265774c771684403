//! A branch as a row. The log's order is the branch's history, so the last event recorded says where it points.

use brainops_event::{Recorded, Timestamp};
use brainops_projection::{Changed, Column, ColumnType, FoldError, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::body;
use crate::subject::require_subject;

/// Repository and branch.
pub type BranchKey = (String, String);

/// A branch and where it points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchRow {
    /// Opaque name of the repository.
    pub repository: String,
    /// Name of the branch.
    pub branch: String,
    /// Commit it points at; none when it was deleted.
    pub sha: Option<String>,
    /// Commit it pointed at before.
    pub previous_sha: Option<String>,
    /// True when the previous commit is not an ancestor.
    pub forced: bool,
    /// When it was last moved.
    pub updated_at: Timestamp,
    /// The event that last changed the row.
    pub changed: Changed,
}

impl BranchRow {
    /// The row that `git.branch.updated` makes.
    pub(crate) fn of(event: &Recorded<'_>) -> Result<Self, FoldError> {
        let branch: body::Branch = event.decode()?;
        require_subject(event, &[&branch.repository, "/branches/", &branch.branch])?;
        Ok(Self {
            repository: branch.repository,
            branch: branch.branch,
            sha: branch.sha,
            previous_sha: branch.previous_sha,
            forced: branch.forced,
            updated_at: event.happened_at(),
            changed: Changed::by(event),
        })
    }
}

const COLUMNS: &[Column] = &[
    Column::required("repository", ColumnType::Text),
    Column::required("branch", ColumnType::Text),
    Column::optional("sha", ColumnType::Text),
    Column::optional("previous_sha", ColumnType::Text),
    Column::required("forced", ColumnType::Bool),
    Column::required("updated_at", ColumnType::Timestamptz),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for BranchRow {
    const TABLE: &'static Table = &Table {
        name: "branch",
        columns: COLUMNS,
        key_columns: 2,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = BranchKey;

    fn key(&self) -> BranchKey {
        (self.repository.clone(), self.branch.clone())
    }

    fn write_key((repository, branch): &BranchKey, out: &mut RowWriter) {
        out.put(repository).put(branch);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.repository)
            .put(&self.branch)
            .put(&self.sha)
            .put(&self.previous_sha)
            .put(&self.forced)
            .put(&self.updated_at);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            repository: row.try_get("repository")?,
            branch: row.try_get("branch")?,
            sha: row.try_get("sha")?,
            previous_sha: row.try_get("previous_sha")?,
            forced: row.try_get("forced")?,
            updated_at: row.try_get("updated_at")?,
            changed: Changed::read(row)?,
        })
    }
}
