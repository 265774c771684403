//! Records of a batch, and those of which nobody can say what they are: these are kept by their place, for people.

use std::collections::BTreeSet;

use brainops_event::{Position, Recorded};
use brainops_log::Item;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use crate::checkpoint::Place;

/// Why nobody can say what a record is.
pub type Unreadable = (Position, &'static str);

/// What stands in these partitions: events, and places of what cannot be read. Repeats are left out.
pub fn records<'a, 'b: 'a>(
    items: &'a [Item<'b>],
    ours: &'a BTreeSet<Place>,
) -> impl Iterator<Item = Result<&'a Recorded<'b>, Unreadable>> {
    items.iter().filter_map(|item| match item {
        Item::Event(event) => ours.contains(&(event.topic.clone(), event.partition)).then_some(Ok(event)),
        Item::Misplaced { place, .. } => kept(ours, place, "misplaced"),
        Item::Poison { place, .. } => kept(ours, place, "unreadable"),
        _ => None,
    })
}

fn kept<'a, 'b>(
    ours: &BTreeSet<Place>,
    place: &brainops_log::Place,
    reason: &'static str,
) -> Option<Result<&'a Recorded<'b>, Unreadable>> {
    ours.contains(&(place.topic.clone(), place.partition)).then(|| Err((place.position(), reason)))
}

/// Keeps the places of what cannot be read in a table with the columns `topic`, `partition`, `record_offset` and `reason`, and
/// says so in the log of this process. The table's name is the program's own text.
///
/// # Errors
/// Postgres does not answer.
pub async fn keep_unreadable(
    connection: &mut PgConnection,
    (table, what): (&'static str, &'static str),
    unreadable: &[Unreadable],
) -> Result<(), sqlx::Error> {
    if unreadable.is_empty() {
        return Ok(());
    }
    for (position, reason) in unreadable {
        tracing::error!(event.position = %position, reason, followed = what, "what a record is cannot be said; a person must look");
    }
    sqlx::query(AssertSqlSafe(include_str!("../sql/keep_unreadable.sql").replace("{table}", table)))
        .bind(unreadable.iter().map(|(position, _)| position.topic.as_str()).collect::<Vec<_>>())
        .bind(unreadable.iter().map(|(position, _)| position.partition.get()).collect::<Vec<_>>())
        .bind(unreadable.iter().map(|(position, _)| position.offset.get()).collect::<Vec<_>>())
        .bind(unreadable.iter().map(|(_, reason)| *reason).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
