//! The ids that a source has said already, as the index of events knows them.

use std::collections::HashSet;

use anyhow::Context as _;
use brainops_event::{EventId, Source};
use brainops_import::Known;
use sqlx::PgPool;
use uuid::Uuid;

const IDS_OF_SOURCE: &str = include_str!("../../../../projections/events/queries/ids_of_source.sql");
const PAGE: i64 = 10_000;

/// Ids of one source. An import's ids are all UUIDs, which take 16 bytes each here, not some 60 as text.
#[derive(Debug, Default)]
pub(super) struct KnownIds(HashSet<u128>);

impl KnownIds {
    /// Answers for each id.
    pub(super) fn into_known(self) -> Known<'static> {
        Box::new(move |id: &EventId| number(id.as_str()).is_some_and(|id| self.0.contains(&id)))
    }
}

fn number(id: &str) -> Option<u128> {
    Uuid::try_parse(id).ok().map(|id| id.as_u128())
}

/// Reads all of them, page by page.
pub(super) async fn ids_of_source(pool: &PgPool, source: &Source) -> anyhow::Result<KnownIds> {
    let mut known = KnownIds::default();
    let mut after: Option<String> = None;
    loop {
        let page: Vec<String> = sqlx::query_scalar(IDS_OF_SOURCE)
            .bind(source.as_str())
            .bind(after.as_deref())
            .bind(PAGE)
            .fetch_all(pool)
            .await
            .context("the index of events cannot be read")?;
        known.0.extend(page.iter().filter_map(|id| number(id)));
        match page.last() {
            Some(last) if page.len() as i64 == PAGE => after = Some(last.clone()),
            _ => return Ok(known),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_there_is_known() {
        let id = "6f0b9d5e-2c47-4b1a-9a6e-35d1c8e47b02";
        let known = KnownIds(number(id).into_iter().collect()).into_known();
        assert!(known(&EventId::new(id).unwrap()));
        assert!(!known(&EventId::new("6f0b9d5e-2c47-4b1a-9a6e-35d1c8e47b03").unwrap()));
        assert!(!known(&EventId::new("no uuid").unwrap()));
    }
}
