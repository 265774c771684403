//! What was folded becomes rows; calls for which there is room are claimed on the way.

use std::collections::{BTreeMap, BTreeSet};

use brainops_checkpoint::{Keeper, Move, Place, bind_moves, keep_unreadable, moved_sql};
use metrics::counter;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row as _};

use super::FOLLOWED;
use super::fold::{Asked, Folded};
use crate::metrics as names;
use crate::name::CallName;
use crate::row::{Call, call, with_columns};

const FOLD_CALLS: &str = include_str!("../sql/fold_calls.sql");
const FOLD_WORDS: &str = include_str!("../sql/fold_words.sql");

/// One of the two: behind what moves checkpoints first, limited to where they have moved, and with what it answers.
fn filled(sql: &str, moved: &str, only_moved: &str, answer: &str) -> String {
    let sql = sql.replace("{moved}", moved).replace("{only_moved}", only_moved);
    with_columns(&sql.replace("{answer}", answer))
}

/// Writes what was folded. Of the calls that were asked for the claimer takes as many as it has room for; it is answered with
/// those that are new.
pub(super) async fn write(
    connection: &mut PgConnection,
    folded: &Folded,
    claimer: (&str, usize),
) -> Result<Vec<Call>, sqlx::Error> {
    let claimed = write_asked(connection, folded, claimer).await?;
    let words = Words::of(folded);
    if !words.names.is_empty() {
        words.bind(filled(FOLD_WORDS, "", "", "SELECT true")).execute(&mut *connection).await?;
    }
    counter!(names::UNREADABLE_TOTAL).increment(folded.unreadable.len() as u64);
    keep_unreadable(connection, ("brainops.tool_unreadable", FOLLOWED.what), &folded.unreadable).await?;
    Ok(claimed)
}

async fn write_asked(
    connection: &mut PgConnection,
    folded: &Folded,
    claimer: (&str, usize),
) -> Result<Vec<Call>, sqlx::Error> {
    let Some(asking) = Asking::of(folded, claimer) else { return Ok(Vec::new()) };
    let sql = filled(FOLD_CALLS, "", "", "SELECT {columns} FROM fresh");
    let rows = asking.bind(sql).fetch_all(connection).await?;
    claimed_by(claimer.0, &rows)
}

/// Moves the checkpoint of one partition and writes the calls that were asked for in it; answers with those that were claimed,
/// and none where the partition is another's. Only for what was folded from nothing but calls that were asked for.
pub(super) async fn write_asked_at_once(
    pool: &PgPool,
    (keeper, moves): (&Keeper, &BTreeMap<Place, Move>),
    folded: &Folded,
    claimer: (&str, usize),
) -> Result<Option<Vec<Call>>, sqlx::Error> {
    let Some(asking) = Asking::of(folded, claimer) else { return Ok(None) };
    let sql = filled(
        FOLD_CALLS,
        &format!("{}, ", moved_sql(keeper, ASKING_PARAMETERS + 1)),
        "JOIN moved USING (partition)",
        "SELECT {columns} FROM moved LEFT JOIN fresh USING (topic, partition)",
    );
    let rows = bind_moves(asking.bind(sql), moves).fetch_all(pool).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    claimed_by(claimer.0, &rows).map(Some)
}

/// Calls of these requests that the executor has in its hands.
pub(super) async fn recall_claimed(
    pool: &PgPool,
    folded: &Folded,
    executor: &str,
) -> Result<Vec<Call>, sqlx::Error> {
    let asked = &folded.asked;
    let rows = sqlx::query(AssertSqlSafe(with_columns(include_str!("../sql/recall.sql"))))
        .bind(executor)
        .bind(asked.iter().map(|one| one.name.source.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.name.id.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.position.partition.get()).collect::<Vec<_>>())
        .bind(asked.iter().map(|one| one.position.offset.get()).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    claimed_by(executor, &rows)
}

/// How many parameters [`Asking::bind`] binds.
const ASKING_PARAMETERS: usize = 15;

/// Those among the rows that the executor has claimed. A row without a call stands for a partition without a new one.
fn claimed_by(executor: &str, rows: &[PgRow]) -> Result<Vec<Call>, sqlx::Error> {
    let mut claimed = Vec::new();
    for row in rows {
        let by: Option<&str> = row.try_get("executor")?;
        if by == Some(executor) {
            claimed.push(call(row)?);
        }
    }
    Ok(claimed)
}

/// Calls that were asked for, and which of them an executor claims.
struct Asking<'a> {
    asked: &'a [Asked],
    topic: &'a str,
    executor: &'a str,
    is_claimed: Vec<bool>,
}

impl<'a> Asking<'a> {
    /// None where nothing was asked for. The first `room` calls that no other record speaks of are claimed.
    fn of(folded: &'a Folded, (executor, mut room): (&'a str, usize)) -> Option<Self> {
        let topic = folded.asked.first()?.position.topic.as_str();
        let takes = |one: &Asked| {
            let takes = room > 0 && !folded.is_under_way(&one.name);
            room -= usize::from(takes);
            takes
        };
        let is_claimed = folded.asked.iter().map(takes).collect();
        Some(Self { asked: &folded.asked, topic, executor, is_claimed })
    }

    fn bind<'q>(&'q self, sql: String) -> Query<'q, Postgres, PgArguments> {
        let asked = self.asked;
        sqlx::query(AssertSqlSafe(sql))
            .bind(asked.iter().map(|one| one.name.source.as_str()).collect::<Vec<_>>())
            .bind(asked.iter().map(|one| one.name.id.as_str()).collect::<Vec<_>>())
            .bind(asked.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>())
            .bind(asked.iter().map(|one| one.correlation_id.as_deref()).collect::<Vec<_>>())
            .bind(asked.iter().map(|one| one.cause_path.as_deref()).collect::<Vec<_>>())
            .bind(asked.iter().map(|one| one.caller.kind.as_str()).collect::<Vec<_>>())
            .bind(asked.iter().map(|one| one.caller.name.as_str()).collect::<Vec<_>>())
            .bind(asked.iter().map(|one| one.tool.as_str()).collect::<Vec<_>>())
            .bind(asked.iter().map(|one| one.arguments.as_str()).collect::<Vec<_>>())
            .bind(asked.iter().map(|one| one.recorded_at).collect::<Vec<_>>())
            .bind(self.topic)
            .bind(asked.iter().map(|one| one.position.partition.get()).collect::<Vec<_>>())
            .bind(asked.iter().map(|one| one.position.offset.get()).collect::<Vec<_>>())
            .bind(self.is_claimed.as_slice())
            .bind(self.executor)
    }
}

/// Moves the checkpoint of one partition and writes what the log says of calls that were asked for before; answers whether the
/// partition is ours. As everything that is read again after a crash, its commit does not wait for the disk.
pub(super) async fn write_words_at_once(
    pool: &PgPool,
    (keeper, moves): (&Keeper, &BTreeMap<Place, Move>),
    folded: &Folded,
) -> Result<bool, sqlx::Error> {
    let words = Words::of(folded);
    let sql = filled(
        FOLD_WORDS,
        &format!("{}, ", moved_sql(keeper, WORDS_PARAMETERS + 1)),
        "AND EXISTS (SELECT FROM moved)",
        "SELECT set_config('synchronous_commit', 'off', true) FROM moved",
    );
    let moved = bind_moves(words.bind(sql), moves).fetch_optional(pool).await?;
    Ok(moved.is_some())
}

/// How many parameters [`Words::bind`] binds.
const WORDS_PARAMETERS: usize = 6;

/// What the log says of calls: how far each was started, and how it ended.
struct Words<'a> {
    folded: &'a Folded,
    names: BTreeSet<&'a CallName>,
}

impl<'a> Words<'a> {
    fn of(folded: &'a Folded) -> Self {
        Self { folded, names: folded.started.keys().chain(folded.ends.keys()).collect() }
    }

    fn bind<'q>(&'q self, sql: String) -> Query<'q, Postgres, PgArguments> {
        let Folded { started, ends, .. } = self.folded;
        let names = || self.names.iter().copied();
        sqlx::query(AssertSqlSafe(sql))
            .bind(names().map(|name| name.source.as_str()).collect::<Vec<_>>())
            .bind(names().map(|name| name.id.as_str()).collect::<Vec<_>>())
            .bind(names().map(|name| started.get(name).map(|(attempt, _)| *attempt)).collect::<Vec<_>>())
            .bind(names().map(|name| started.get(name).map(|(_, epoch)| *epoch)).collect::<Vec<_>>())
            .bind(names().map(|name| ends.get(name).map(|(state, _)| state.as_str())).collect::<Vec<_>>())
            .bind(names().map(|name| ends.get(name).map(|(_, ended_at)| *ended_at)).collect::<Vec<_>>())
    }
}
