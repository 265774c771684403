//! Lets sagas go on that stand since their agent had spent its budget, once its next hour has begun.

use brainops_checkpoint::sqlstate::outcome_is_unknown;
use brainops_event::{Outgoing, Source, Timestamp, derived_id};
use brainops_outbox::{Outbox, enqueue};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};

use crate::decide::{BY_CLOCK, Decide, Decider, SOURCE, said_decision};
use crate::timers::{BEGIN, TimerError, Unswept};

/// How many sagas one transaction lets go on at most.
const BATCH: i64 = 1_000;

/// Why they go on.
const REASON: &str = "the next hour of its budget has begun";

/// Says of sagas whose hour has come that they are tried again, up to a bound; nothing when there are none. A row is there or
/// this is said, and never both, as with timers.
pub(crate) async fn release(pool: &PgPool, outbox: &Outbox) -> Result<Option<usize>, Unswept> {
    let sql = "SELECT EXISTS (SELECT FROM brainops.saga_over_budget WHERE until <= brainops.saga_clock())";
    if !sqlx::query_scalar::<_, bool>(sql).fetch_one(pool).await? {
        return Ok(None);
    }
    if !outbox.has_room().await? {
        return Err(Unswept::Passing("the outbox is full".to_owned()));
    }
    let mut transaction = pool.begin_with(BEGIN).await?;
    let rows = sqlx::query(include_str!("sql/take_over_budget.sql"))
        .bind(BATCH)
        .fetch_all(&mut *transaction)
        .await?;
    if rows.is_empty() {
        transaction.rollback().await?;
        return Ok(None); // somebody else lets them go on
    }
    let events = rows.iter().map(event).collect::<Result<Vec<_>, _>>()?;
    let prepared = outbox.prepare(events).await.into_iter().collect::<Result<Vec<_>, _>>();
    let prepared = prepared.map_err(|error| match error.is_transient() {
        true => Unswept::Passing(error.to_string()),
        false => Unswept::Fault(TimerError::Append(Box::new(error))),
    })?;
    enqueue(&mut transaction, &prepared).await?; // said before, by a database that has since been restored: it is said
    match transaction.commit().await {
        Ok(()) => {}
        Err(error) if outcome_is_unknown(&error) => return Err(Unswept::Passing(error.to_string())),
        Err(error) => return Err(error.into()),
    }
    outbox.wake();
    Ok(Some(rows.len()))
}

fn event(row: &PgRow) -> Result<Outgoing, Unswept> {
    let (agent, correlation): (String, String) = (row.try_get("agent")?, row.try_get("correlation")?);
    let (input, until): (String, Timestamp) = (row.try_get("input")?, row.try_get("until")?);
    let now: Timestamp = row.try_get("now")?;
    let said = || {
        let hour = until.timestamp().to_string();
        let id = derived_id(&Source::new(SOURCE)?, &["budget", &agent, &correlation, &input, &hour]);
        let decider = Decider { by: BY_CLOCK.to_owned(), reason: REASON.to_owned() };
        let retry = Decide::Retry { input: input.clone(), skip: false };
        said_decision((&agent, &correlation), &retry, &decider, (id, now))
    };
    said().map_err(|error| Unswept::Fault(error.into()))
}
