//! A commit as a row. A commit never changes, so the row is the last event about it.

use brainops_event::types::privacy::Sealed;
use brainops_event::{Recorded, Timestamp};
use brainops_projection::{Changed, Column, ColumnType, FoldError, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::body;
use crate::subject::require_subject;

/// Repository and commit id.
pub type CommitKey = (String, String);

/// A commit of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRow {
    /// Opaque name of the repository.
    pub repository: String,
    /// Full commit id.
    pub sha: String,
    /// Commit ids of the parents in their order.
    pub parents: Vec<String>,
    /// Committer time.
    pub committed_at: Timestamp,
    /// Author time.
    pub authored_at: Timestamp,
    /// Opaque id of the author.
    pub author_id: String,
    /// Author name, a sealed token.
    pub author_name: Option<String>,
    /// Author e-mail address, a sealed token.
    pub author_email: Option<String>,
    /// Commit message, a sealed token.
    pub message: Option<String>,
    /// Files changed against the first parent.
    pub files_changed: i32,
    /// Lines added.
    pub insertions: i64,
    /// Lines removed.
    pub deletions: i64,
    /// Paths changed, at most 500.
    pub paths: Vec<String>,
    /// False when more paths changed.
    pub paths_complete: bool,
    /// The event that last changed the row.
    pub changed: Changed,
}

impl CommitRow {
    /// The row that `git.commit.created` makes.
    pub(crate) fn of(event: &Recorded<'_>) -> Result<Self, FoldError> {
        let commit: body::Commit = event.decode()?;
        require_subject(event, &[&commit.repository, "/commits/", &commit.sha])?;
        let token = |sealed: Option<Sealed>| sealed.map(|sealed| sealed.to_token());
        Ok(Self {
            repository: commit.repository,
            sha: commit.sha,
            parents: commit.parents,
            committed_at: commit.committed_at,
            authored_at: commit.authored_at,
            author_id: commit.author_id,
            author_name: token(commit.author_name),
            author_email: token(commit.author_email),
            message: token(commit.message),
            files_changed: commit.files_changed,
            insertions: commit.insertions,
            deletions: commit.deletions,
            paths: commit.paths,
            paths_complete: commit.paths_complete,
            changed: Changed::by(event),
        })
    }
}

const COLUMNS: &[Column] = &[
    Column::required("repository", ColumnType::Text),
    Column::required("sha", ColumnType::Text),
    Column::required("parents", ColumnType::TextArray),
    Column::required("committed_at", ColumnType::Timestamptz),
    Column::required("authored_at", ColumnType::Timestamptz),
    Column::required("author_id", ColumnType::Text),
    Column::optional("author_name", ColumnType::Text),
    Column::optional("author_email", ColumnType::Text),
    Column::optional("message", ColumnType::Text),
    Column::required("files_changed", ColumnType::Int4),
    Column::required("insertions", ColumnType::Int8),
    Column::required("deletions", ColumnType::Int8),
    Column::required("paths", ColumnType::TextArray),
    Column::required("paths_complete", ColumnType::Bool),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for CommitRow {
    const TABLE: &'static Table = &Table {
        name: "commit",
        columns: COLUMNS,
        key_columns: 2,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = CommitKey;

    fn key(&self) -> CommitKey {
        (self.repository.clone(), self.sha.clone())
    }

    fn write_key((repository, sha): &CommitKey, out: &mut RowWriter) {
        out.put(repository).put(sha);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.repository)
            .put(&self.sha)
            .put(&self.parents)
            .put(&self.committed_at)
            .put(&self.authored_at)
            .put(&self.author_id)
            .put(&self.author_name)
            .put(&self.author_email)
            .put(&self.message)
            .put(&self.files_changed)
            .put(&self.insertions)
            .put(&self.deletions)
            .put(&self.paths)
            .put(&self.paths_complete);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            repository: row.try_get("repository")?,
            sha: row.try_get("sha")?,
            parents: row.try_get("parents")?,
            committed_at: row.try_get("committed_at")?,
            authored_at: row.try_get("authored_at")?,
            author_id: row.try_get("author_id")?,
            author_name: row.try_get("author_name")?,
            author_email: row.try_get("author_email")?,
            message: row.try_get("message")?,
            files_changed: row.try_get("files_changed")?,
            insertions: row.try_get("insertions")?,
            deletions: row.try_get("deletions")?,
            paths: row.try_get("paths")?,
            paths_complete: row.try_get("paths_complete")?,
            changed: Changed::read(row)?,
        })
    }
}
