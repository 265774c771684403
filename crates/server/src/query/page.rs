//! One page of rows, what comes after it, and how fresh it is.
use serde::Serialize;

use super::freshness::Freshness;

/// How many rows a page has when nobody says.
pub const DEFAULT_LIMIT: i64 = 100;
/// The most rows of a page.
pub const MAX_LIMIT: i64 = 1_000;

/// The answer to a question with many rows.
#[derive(Debug, Serialize)]
pub struct Page<Row> {
    pub rows: Vec<Row>,
    /// Hand this back as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
    #[serde(flatten)]
    pub freshness: Freshness,
}

impl<Row> Page<Row> {
    /// Makes the page of rows that were read with `limit + 1`, so that one too many says that there are more.
    pub fn new(mut rows: Vec<Row>, limit: i64, freshness: Freshness, after: impl Fn(&Row) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(after);
        Self { rows, next_cursor, freshness }
    }
}
