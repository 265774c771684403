//! A tag as a row. A tag that is made again elsewhere points there from then on.

use brainops_event::{Recorded, Timestamp};
use brainops_projection::{Changed, Column, ColumnType, FoldError, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::body;
use crate::subject::require_subject;

/// Repository and tag.
pub type TagKey = (String, String);

/// A tag and the commit it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRow {
    /// Opaque name of the repository.
    pub repository: String,
    /// Name of the tag.
    pub tag: String,
    /// Commit that it leads to.
    pub sha: String,
    /// True when the tag is an object of its own.
    pub annotated: bool,
    /// When it was made.
    pub tagged_at: Timestamp,
    /// The event that last changed the row.
    pub changed: Changed,
}

impl TagRow {
    /// The row that `git.tag.created` makes.
    pub(crate) fn of(event: &Recorded<'_>) -> Result<Self, FoldError> {
        let tag: body::Tag = event.decode()?;
        require_subject(event, &[&tag.repository, "/tags/", &tag.tag])?;
        Ok(Self {
            repository: tag.repository,
            tag: tag.tag,
            sha: tag.sha,
            annotated: tag.annotated,
            tagged_at: event.happened_at(),
            changed: Changed::by(event),
        })
    }
}

const COLUMNS: &[Column] = &[
    Column::required("repository", ColumnType::Text),
    Column::required("tag", ColumnType::Text),
    Column::required("sha", ColumnType::Text),
    Column::required("annotated", ColumnType::Bool),
    Column::required("tagged_at", ColumnType::Timestamptz),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for TagRow {
    const TABLE: &'static Table = &Table {
        name: "tag",
        columns: COLUMNS,
        key_columns: 2,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = TagKey;

    fn key(&self) -> TagKey {
        (self.repository.clone(), self.tag.clone())
    }

    fn write_key((repository, tag): &TagKey, out: &mut RowWriter) {
        out.put(repository).put(tag);
    }

    fn write(&self, out: &mut RowWriter) {
        out.put(&self.repository).put(&self.tag).put(&self.sha).put(&self.annotated).put(&self.tagged_at);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            repository: row.try_get("repository")?,
            tag: row.try_get("tag")?,
            sha: row.try_get("sha")?,
            annotated: row.try_get("annotated")?,
            tagged_at: row.try_get("tagged_at")?,
            changed: Changed::read(row)?,
        })
    }
}
