//! All generations of a read model, for people: how far each is, and what it takes up.

use brainops_event::Timestamp;
use serde::Serialize;
use sqlx::PgPool;

use crate::generation::{Generation, GenerationKind, ModelName};
use crate::lineage::{FindError, GenerationState, KnownGeneration, generations};
use crate::sqlstate::is_gone;
use crate::status::{RunState, Standing, standing};

/// One generation of a read model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedGeneration {
    /// Name of the read model.
    pub read_model: String,
    /// Its number.
    pub generation: i32,
    /// Its schema.
    pub schema: String,
    /// What it is for: lineage, moment or check.
    pub kind: &'static str,
    /// How far it has come: building, ready, serving or dropping.
    pub state: &'static str,
    /// The version of the fold that fills it.
    pub fold_version: i32,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When its rows were first whole.
    pub ready_at: Option<Timestamp>,
    /// When the views were last pointed at it.
    pub served_at: Option<Timestamp>,
    /// When the views were last pointed away from it.
    pub replaced_at: Option<Timestamp>,
    /// When it may go, if it holds a past moment that is not kept.
    pub expires_at: Option<Timestamp>,
    /// Who asked for it; null when the program made it by itself.
    pub made_by: Option<String>,
    /// Bytes on disk, indexes included.
    pub bytes: i64,
    /// Offsets behind the ends of the logs; null when it follows nothing, or that is not known.
    pub lag_offsets: Option<i64>,
    /// What is parked; null when its tables are not whole.
    pub parked: Option<i64>,
    /// Whether it is followed; null when it is not to be.
    pub followed: Option<RunState>,
}

/// All generations of a read model that are there, by number. Counts no rows, so it is as quick for large tables.
///
/// # Errors
/// [`FindError`] when there is no such read model, or the database does not answer.
pub async fn list_generations(pool: &PgPool, read_model: &str) -> Result<Vec<ListedGeneration>, FindError> {
    let mut listed = Vec::new();
    for known in generations(pool, read_model).await? {
        let name = known.generation.read_model.clone();
        let may_go = known.generation.kind != GenerationKind::Lineage;
        match listed_generation(pool, known).await {
            Ok(one) => listed.push(one),
            // Its time was over while it was looked at.
            Err(error) if may_go && is_gone(&error) => {}
            Err(source) => return Err(database(name, source)),
        }
    }
    Ok(listed)
}

async fn listed_generation(pool: &PgPool, known: KnownGeneration) -> Result<ListedGeneration, sqlx::Error> {
    let KnownGeneration { generation, state, .. } = &known;
    let is_whole = matches!(state, GenerationState::Ready | GenerationState::Serving);
    let standing = if is_whole { Some(standing(pool, generation).await?) } else { None };
    let Standing { lag_offsets, parked, state: run_state, .. } = standing.unwrap_or_default();
    let follows = is_whole && generation.kind == GenerationKind::Lineage;
    Ok(ListedGeneration {
        read_model: generation.read_model.to_string(),
        generation: generation.number,
        schema: generation.schema(),
        kind: generation.kind.as_str(),
        state: state.as_str(),
        fold_version: generation.fold_version,
        created_at: known.created_at,
        ready_at: known.ready_at,
        served_at: known.served_at,
        replaced_at: known.replaced_at,
        expires_at: known.expires_at,
        bytes: bytes(pool, generation).await?,
        lag_offsets: lag_offsets.filter(|_| follows),
        parked: is_whole.then_some(parked),
        followed: follows.then_some(run_state),
        made_by: known.made_by,
    })
}

async fn bytes(pool: &PgPool, generation: &Generation) -> Result<i64, sqlx::Error> {
    // Not by the name of each table: one that is dropped meanwhile has no size, and that is no error.
    let query = "SELECT coalesce(sum(pg_total_relation_size(class.oid)), 0)::bigint \
                   FROM pg_catalog.pg_class AS class \
                   JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace \
                  WHERE namespace.nspname = $1 AND class.relkind IN ('r', 'm')";
    sqlx::query_scalar(query).bind(generation.schema()).fetch_one(pool).await
}

fn database(read_model: ModelName, source: sqlx::Error) -> FindError {
    FindError::Database { read_model, source }
}
