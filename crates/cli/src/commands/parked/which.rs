//! Which of the parked subjects a person means.

use brainops_projection::{ParkedError, ParkedSubject, ServingError, parked};
use clap::Args;
use sqlx::PgPool;

/// Names one parked subject.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// The read model, such as leads.
    pub read_model: String,

    /// The subject, or the position of its first held record as `list` shows it: topic/partition@offset.
    #[arg(value_name = "SUBJECT|POSITION")]
    pub which: String,
}

/// Names one parked subject, or all.
#[derive(Debug, Clone, Args)]
pub struct Choice {
    /// The read model, such as leads.
    pub read_model: String,

    /// The subject, or the position of its first held record as `list` shows it: topic/partition@offset.
    #[arg(value_name = "SUBJECT|POSITION", required_unless_present = "all", conflicts_with = "all")]
    pub which: Option<String>,

    /// Everything that the read model has parked.
    #[arg(long)]
    pub all: bool,
}

/// What was asked for, or why it is not there, in words.
pub type Found<T> = Result<T, String>;

/// What is parked, of all read models or of one.
pub async fn all(pool: &PgPool, read_model: Option<&str>) -> anyhow::Result<Found<Vec<ParkedSubject>>> {
    match parked(pool, read_model).await {
        Ok(all) => Ok(Ok(all)),
        Err(ParkedError::Serving(error @ (ServingError::NotInstalled { .. } | ServingError::Name(_)))) => {
            Ok(Err(brainops_event::error_chain(&error)))
        }
        Err(error) => Err(error.into()),
    }
}

/// The one that is meant.
pub async fn one(pool: &PgPool, Which { read_model, which }: &Which) -> anyhow::Result<Found<ParkedSubject>> {
    Ok(all(pool, Some(read_model)).await?.and_then(|parked| choose(parked, which, read_model)))
}

/// Those that are meant: at least one.
pub async fn chosen(pool: &PgPool, choice: &Choice) -> anyhow::Result<Found<Vec<ParkedSubject>>> {
    let read_model = choice.read_model.clone();
    let Some(which) = choice.which.clone() else {
        let all = all(pool, Some(&read_model)).await?;
        return Ok(all.and_then(|all| match all.is_empty() {
            true => Err(format!("{read_model} has parked nothing")),
            false => Ok(all),
        }));
    };
    Ok(one(pool, &Which { read_model, which }).await?.map(|one| vec![one]))
}

fn choose(parked: Vec<ParkedSubject>, which: &str, read_model: &str) -> Found<ParkedSubject> {
    let is_meant =
        |one: &ParkedSubject| one.first.to_string() == which || one.subject.as_deref() == Some(which);
    let mut meant: Vec<ParkedSubject> = parked.into_iter().filter(is_meant).collect();
    match meant.len() {
        1 => Ok(meant.remove(0)),
        0 => Err(format!("{read_model} has parked no {which}; see `brainops parked list {read_model}`")),
        _ => {
            let positions: Vec<String> = meant.iter().map(|one| one.first.to_string()).collect();
            Err(format!(
                "{which} is parked in several partitions, name one of them: {}",
                positions.join(", ")
            ))
        }
    }
}
