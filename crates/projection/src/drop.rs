//! Removes generations, for good.
//!
//! The row in `brainops.generation` says `dropping` before anything is removed, so whoever follows the generation stops,
//! nobody points views at it, and what was begun and not finished is seen. Each table goes in a transaction of its own:
//! a removal that was interrupted is simply begun again and goes on. At last the row says `dropped`, and stays, so that
//! the number is never used again. Nothing is ever removed because something else depended on it.

use std::cmp::Reverse;
use std::time::Duration;

use serde::Serialize;
use sqlx::{AssertSqlSafe, PgPool};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::generation::{Generation, GenerationKind, ModelName};
use crate::lineage::{FindError, GenerationState, KnownGeneration, generations, generations_of};
use crate::sqlstate::{has_dependents, is_lock_timeout};

/// How long whoever follows the generation may take to notice that it goes.
const FOLLOWER_LIMIT: Duration = Duration::from_secs(30);
/// How often is looked whether it is followed.
const LOOK: Duration = Duration::from_millis(200);
/// How long is waited for one lock, so that readers of a table never queue for longer behind its removal.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '500ms'";
/// How often a lock is tried to be had.
const TRIES: u32 = 20;

/// Why a generation was not removed, or not to its end. Beginning again goes on where it ended.
#[derive(Debug, Error)]
pub enum DropError {
    /// Its readers would stand before nothing.
    #[error("generation {number} of {read_model} serves; point the views at another one first")]
    Serves {
        /// The read model.
        read_model: ModelName,
        /// The generation.
        number: i32,
    },
    /// It is gone already, or never was.
    #[error("generation {number} of {read_model} is not there any more")]
    Gone {
        /// The read model.
        read_model: ModelName,
        /// The generation.
        number: i32,
    },
    /// Some process goes on following it.
    #[error("generation {number} of {read_model} is still followed, by {}", instances.join(", "))]
    Followed {
        /// The read model.
        read_model: ModelName,
        /// The generation.
        number: i32,
        /// The processes.
        instances: Vec<String>,
    },
    /// Somebody reads a table of it, or keeps a view on it that is not ours.
    #[error("{relation} is in use")]
    InUse {
        /// The table, with its schema.
        relation: String,
        /// What Postgres says.
        source: sqlx::Error,
    },
    /// It is not known which generations there are.
    #[error("cannot drop")]
    Find(#[from] FindError),
    /// A statement failed.
    #[error("cannot {what} of {schema}")]
    Database {
        /// Schema of the generation.
        schema: String,
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: sqlx::Error,
    },
}

/// A generation that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Name of the read model.
    pub read_model: String,
    /// Number of the generation.
    pub generation: i32,
    /// The schema that is gone.
    pub schema: String,
    /// How many tables and views went with it, those of an earlier beginning left out.
    pub relations: usize,
}

/// Removes a generation that does not serve: its schema, its rows in `brainops.progress`, everything but its number.
///
/// # Errors
/// [`DropError`]; what was removed until then stays removed.
pub async fn drop_generation(pool: &PgPool, known: &KnownGeneration) -> Result<Dropped, DropError> {
    let generation = &known.generation;
    begin(pool, generation).await?;
    wait_until_left(pool, generation).await?;
    let relations = sqlx::query_as(include_str!("sql/relations.sql")).bind(generation.schema());
    let relations: Vec<(String, String)> =
        relations.fetch_all(pool).await.map_err(database(generation, "list the tables"))?;
    for (target, kind) in &relations {
        remove(pool, generation, kind, target).await?;
    }
    end(pool, generation).await?;
    tracing::info!(projector.name = %generation.read_model, generation = generation.number, "a generation was dropped");
    Ok(Dropped {
        read_model: generation.read_model.to_string(),
        generation: generation.number,
        schema: generation.schema(),
        relations: relations.len(),
    })
}

/// Says that it goes, unless it serves.
async fn begin(pool: &PgPool, generation: &Generation) -> Result<(), DropError> {
    let (read_model, number) = (generation.read_model.clone(), generation.number);
    let begin = "UPDATE brainops.generation SET state = 'dropping' \
                  WHERE read_model = $1 AND generation = $2 AND state NOT IN ('serving', 'dropped')";
    let begin = sqlx::query(begin).bind(read_model.as_str()).bind(number).execute(pool).await;
    if begin.map_err(database(generation, "begin to drop the schema"))?.rows_affected() == 1 {
        return Ok(());
    }
    let known = async { generations_of(&mut *pool.acquire().await?, &read_model).await };
    let known = known.await.map_err(database(generation, "read the state"))?;
    let serves =
        |one: &KnownGeneration| one.generation.number == number && one.state == GenerationState::Serving;
    if known.iter().any(serves) {
        return Err(DropError::Serves { read_model, number });
    }
    Err(DropError::Gone { read_model, number })
}

/// Waits until every process that follows it has noticed; one that is gone has no heartbeat.
async fn wait_until_left(pool: &PgPool, generation: &Generation) -> Result<(), DropError> {
    let deadline = Instant::now() + FOLLOWER_LIMIT;
    let query = "SELECT DISTINCT instance FROM brainops.progress \
                  WHERE read_model = $1 AND generation = $2 AND state = 'running' \
                    AND heartbeat_at > now() - interval '10 seconds' ORDER BY instance";
    loop {
        let following =
            sqlx::query_scalar(query).bind(generation.read_model.as_str()).bind(generation.number);
        let instances: Vec<String> =
            following.fetch_all(pool).await.map_err(database(generation, "see who follows the tables"))?;
        if instances.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let (read_model, number) = (generation.read_model.clone(), generation.number);
            return Err(DropError::Followed { read_model, number, instances });
        }
        sleep(LOOK).await;
    }
}

async fn remove(pool: &PgPool, generation: &Generation, kind: &str, relation: &str) -> Result<(), DropError> {
    let mut tries = 0;
    loop {
        let removed = async {
            let mut transaction = pool.begin().await?;
            sqlx::raw_sql(LOCK_TIMEOUT).execute(&mut *transaction).await?;
            // Not CASCADE: a view on it that is not ours must not vanish.
            let drop = format!("DROP {kind} IF EXISTS {relation}");
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *transaction).await?;
            transaction.commit().await
        };
        tries += 1;
        match removed.await {
            Ok(()) => return Ok(()),
            Err(error) if is_lock_timeout(&error) && tries < TRIES => sleep(LOOK).await,
            Err(source) if is_lock_timeout(&source) || has_dependents(&source) => {
                return Err(DropError::InUse { relation: relation.to_owned(), source });
            }
            Err(error) => return Err(database(generation, "drop a table")(error)),
        }
    }
}

/// Removes the empty schema and says that it is gone, in one transaction.
async fn end(pool: &PgPool, generation: &Generation) -> Result<(), DropError> {
    let schema = generation.schema();
    let ended = async {
        let mut transaction = pool.begin().await?;
        let drop = format!("{LOCK_TIMEOUT}; DROP SCHEMA IF EXISTS {schema}");
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *transaction).await?;
        for statement in [
            "DELETE FROM brainops.progress WHERE read_model = $1 AND generation = $2",
            "DELETE FROM brainops.rebuild_index WHERE read_model = $1 AND generation = $2",
            "DELETE FROM brainops.rebuild_bucket WHERE read_model = $1 AND generation = $2",
            "DELETE FROM brainops.rebuild_unit WHERE read_model = $1 AND generation = $2",
            "UPDATE brainops.generation SET state = 'dropped' \
              WHERE read_model = $1 AND generation = $2 AND state = 'dropping'",
        ] {
            let query = sqlx::query(statement).bind(generation.read_model.as_str()).bind(generation.number);
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await
    };
    match ended.await {
        Ok(()) => Ok(()),
        Err(source) if has_dependents(&source) => Err(DropError::InUse { relation: schema, source }),
        Err(error) => Err(database(generation, "drop the schema")(error)),
    }
}

/// The generations that a read model was served from and that are kept, but for the `keep` that were replaced last.
///
/// # Errors
/// [`FindError`] when there is no such read model, or the database does not answer.
pub async fn older(pool: &PgPool, read_model: &str, keep: usize) -> Result<Vec<KnownGeneration>, FindError> {
    let was_replaced = |one: &KnownGeneration| {
        let is_kept = one.generation.kind == GenerationKind::Lineage && one.state == GenerationState::Ready;
        is_kept && one.replaced_at.is_some()
    };
    let mut replaced: Vec<KnownGeneration> =
        generations(pool, read_model).await?.into_iter().filter(was_replaced).collect();
    replaced.sort_by_key(|one| Reverse(one.replaced_at));
    Ok(replaced.into_iter().skip(keep).collect())
}

/// Removes what [`older`] names.
///
/// # Errors
/// [`DropError`] of the first that could not be removed; those before it are gone.
pub async fn drop_older(pool: &PgPool, read_model: &str, keep: usize) -> Result<Vec<Dropped>, DropError> {
    let mut dropped = Vec::new();
    for known in older(pool, read_model, keep).await? {
        dropped.push(drop_generation(pool, &known).await?);
    }
    Ok(dropped)
}

/// The generations of all read models that may go: past moments whose time is over, checks that were left behind, and
/// those whose removal was begun and not finished.
///
/// # Errors
/// When the database does not answer.
pub async fn expired(pool: &PgPool) -> Result<Vec<KnownGeneration>, sqlx::Error> {
    let query = "SELECT DISTINCT read_model FROM brainops.generation \
                  WHERE state = 'dropping' OR (kind <> 'lineage' AND state <> 'dropped' AND expires_at <= now()) \
                  ORDER BY read_model";
    let names: Vec<String> = sqlx::query_scalar(query).fetch_all(pool).await?;
    let now: brainops_event::Timestamp = sqlx::query_scalar("SELECT now()").fetch_one(pool).await?;
    let may_go = |one: &KnownGeneration| match (one.state, one.generation.kind) {
        (GenerationState::Dropping, _) => true,
        (GenerationState::Dropped, _) | (_, GenerationKind::Lineage) => false,
        (_, GenerationKind::Moment | GenerationKind::Check) => {
            one.expires_at.is_some_and(|expires_at| expires_at <= now)
        }
    };
    let mut expired = Vec::new();
    for name in names {
        let name = ModelName::new(&name).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        let known = generations_of(&mut *pool.acquire().await?, &name).await?;
        expired.extend(known.into_iter().filter(may_go));
    }
    Ok(expired)
}

fn database(generation: &Generation, what: &'static str) -> impl FnOnce(sqlx::Error) -> DropError + use<> {
    let schema = generation.schema();
    move |source| DropError::Database { schema, what, source }
}
