//! The generations of a read model: which there are, what each is for, and how far it has come.
//!
//! ```text
//!   building ──▶ ready ◀──▶ serving        lineage: follows the log once it is ready
//!       │          │
//!       └──────────┴──────▶ dropping ──▶ dropped     a dropped one keeps its number for ever
//! ```

use brainops_event::Timestamp;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{PgPool, Row as _};
use thiserror::Error;

use crate::generation::{Generation, GenerationKind, ModelName, ModelNameError};

/// How far a generation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GenerationState {
    /// Its rows are not whole yet.
    Building,
    /// Its rows are whole; one that serves or may serve follows the log.
    Ready,
    /// Ready, and the views read it.
    Serving,
    /// Its schema is being removed.
    Dropping,
    /// It is gone; its number is not used again.
    Dropped,
}

impl GenerationState {
    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Ready => "ready",
            Self::Serving => "serving",
            Self::Dropping => "dropping",
            Self::Dropped => "dropped",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Building, Self::Ready, Self::Serving, Self::Dropping, Self::Dropped]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// A generation, and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownGeneration {
    /// Which one.
    pub generation: Generation,
    /// How far it has come.
    pub state: GenerationState,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When its rows were first whole.
    pub ready_at: Option<Timestamp>,
    /// When the views were last pointed at it.
    pub served_at: Option<Timestamp>,
    /// When the views were last pointed away from it.
    pub replaced_at: Option<Timestamp>,
    /// When it may be dropped, if it holds a past moment that is not kept.
    pub expires_at: Option<Timestamp>,
    /// Opaque id of who asked for it.
    pub made_by: Option<String>,
}

/// Why a generation is not found.
#[derive(Debug, Error)]
pub enum FindError {
    /// The name can be no read model's.
    #[error("unknown read model")]
    Name(#[from] ModelNameError),
    /// Nobody has installed the read model in this database.
    #[error("read model {read_model} is not installed")]
    NotInstalled {
        /// The read model.
        read_model: ModelName,
    },
    /// There is none of this number, or no more.
    #[error("{read_model} has no generation {number}; it has {}", known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Unknown {
        /// The read model.
        read_model: ModelName,
        /// The number.
        number: i32,
        /// The numbers that there are.
        known: Vec<i32>,
    },
    /// The database did not answer.
    #[error("cannot read the generations of {read_model}")]
    Database {
        /// The read model.
        read_model: ModelName,
        /// Why.
        source: sqlx::Error,
    },
}

/// All generations of a read model that are there, by number.
///
/// # Errors
/// [`FindError`] when there is no such read model, or the database does not answer.
pub async fn generations(pool: &PgPool, read_model: &str) -> Result<Vec<KnownGeneration>, FindError> {
    let read_model = ModelName::new(read_model)?;
    let known = async { generations_of(&mut *pool.acquire().await?, &read_model).await };
    let mut known = match known.await {
        Ok(known) => known,
        Err(source) => return Err(FindError::Database { read_model, source }),
    };
    known.retain(|one| one.state != GenerationState::Dropped);
    if known.is_empty() { Err(FindError::NotInstalled { read_model }) } else { Ok(known) }
}

/// The generation of this number.
///
/// # Errors
/// [`FindError`] when there is none, naming those that there are.
pub async fn find_generation(
    pool: &PgPool,
    read_model: &str,
    number: i32,
) -> Result<KnownGeneration, FindError> {
    let mut known = generations(pool, read_model).await?;
    match known.iter().position(|one| one.generation.number == number) {
        Some(place) => Ok(known.swap_remove(place)),
        None => Err(FindError::Unknown {
            read_model: ModelName::new(read_model)?,
            number,
            known: known.iter().map(|one| one.generation.number).collect(),
        }),
    }
}

/// All generations that a read model ever had, by number.
pub(crate) async fn generations_of(
    connection: &mut PgConnection,
    read_model: &ModelName,
) -> Result<Vec<KnownGeneration>, sqlx::Error> {
    let query = "SELECT generation, fold_version, kind, state, created_at, ready_at, served_at, replaced_at, expires_at, made_by \
                   FROM brainops.generation WHERE read_model = $1 ORDER BY generation";
    let rows = sqlx::query(query).bind(read_model.as_str()).fetch_all(connection).await?;
    rows.iter().map(|row| known(row, read_model)).collect()
}

fn known(row: &PgRow, read_model: &ModelName) -> Result<KnownGeneration, sqlx::Error> {
    let (kind, state): (&str, &str) = (row.try_get("kind")?, row.try_get("state")?);
    Ok(KnownGeneration {
        generation: Generation {
            read_model: read_model.clone(),
            number: row.try_get("generation")?,
            fold_version: row.try_get("fold_version")?,
            kind: GenerationKind::from_name(kind).ok_or_else(|| unknown("kind", kind))?,
        },
        state: GenerationState::from_name(state).ok_or_else(|| unknown("state", state))?,
        created_at: row.try_get("created_at")?,
        ready_at: row.try_get("ready_at")?,
        served_at: row.try_get("served_at")?,
        replaced_at: row.try_get("replaced_at")?,
        expires_at: row.try_get("expires_at")?,
        made_by: row.try_get("made_by")?,
    })
}

fn unknown(column: &str, name: &str) -> sqlx::Error {
    let source = format!("no generation has the {column} {name}").into();
    sqlx::Error::ColumnDecode { index: column.to_owned(), source }
}

/// One generation of a lineage of this fold version that is whole: these are followed.
pub(crate) async fn followed(
    pool: &PgPool,
    read_model: &ModelName,
    fold_version: i32,
) -> Result<Vec<Generation>, sqlx::Error> {
    let known = generations_of(&mut *pool.acquire().await?, read_model).await?;
    let is_followed = |one: &KnownGeneration| {
        one.generation.kind == GenerationKind::Lineage
            && one.generation.fold_version == fold_version
            && matches!(one.state, GenerationState::Ready | GenerationState::Serving)
    };
    Ok(known.into_iter().filter(is_followed).map(|one| one.generation).collect())
}
