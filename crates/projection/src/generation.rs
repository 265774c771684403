//! Generations: which set of tables a read model is served from.

use std::fmt;

use sqlx::{PgPool, Row as _};
use thiserror::Error;

/// Names of schemas that are not a read model's.
const TAKEN_NAMES: [&str; 3] = ["brainops", "public", "information_schema"];

/// The name of a read model, checked: it becomes a part of SQL.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelName(String);

/// A name that no read model can have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{found:?} is no name of a read model, accepted are 1 to 40 of a-z, 0-9 and _, a letter first, no name of a schema that exists for other things, no ending such as _g1"
)]
pub struct ModelNameError {
    /// What was found.
    pub found: String,
}

impl ModelName {
    /// Checks and takes the name.
    ///
    /// # Errors
    /// When the name cannot be that of two schemas, `<name>` and `<name>_g<number>`.
    pub fn new(name: &str) -> Result<Self, ModelNameError> {
        let plain = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let free = !TAKEN_NAMES.contains(&name) && !name.starts_with("pg_");
        if plain && begins && free && name.len() <= 40 && !ends_like_a_generation(name) {
            Ok(Self(name.to_owned()))
        } else {
            Err(ModelNameError { found: name.chars().take(100).collect() })
        }
    }

    /// The name, which is also that of the schema with the views.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn ends_like_a_generation(name: &str) -> bool {
    GenerationKind::ALL
        .iter()
        .filter_map(|kind| name.rsplit_once(kind.infix()))
        .any(|(_, end)| !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What a generation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GenerationKind {
    /// It serves, has served, or is to serve: it follows the log.
    Lineage,
    /// It holds one past moment, and follows nothing.
    Moment,
    /// It was folded to be compared with another, and goes when that is done.
    Check,
}

impl GenerationKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Lineage, Self::Moment, Self::Check];

    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lineage => "lineage",
            Self::Moment => "moment",
            Self::Check => "check",
        }
    }

    /// What stands between the read model's name and the number in the name of the schema.
    const fn infix(self) -> &'static str {
        match self {
            Self::Lineage => "_g",
            Self::Moment => "_asof_",
            Self::Check => "_verify_",
        }
    }

    /// How the names of schemas of this kind begin.
    pub(crate) fn begins(self, read_model: &ModelName) -> String {
        format!("{read_model}{}", self.infix())
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One generation of a read model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The read model.
    pub read_model: ModelName,
    /// Its number, from 1; no two generations of a read model share one, of whatever kind they are.
    pub number: i32,
    /// The version of the fold that fills it.
    pub fold_version: i32,
    /// What it is for.
    pub kind: GenerationKind,
}

impl Generation {
    /// A generation that serves, has served, or is to serve.
    pub fn of_lineage(read_model: ModelName, number: i32, fold_version: i32) -> Self {
        Self { read_model, number, fold_version, kind: GenerationKind::Lineage }
    }

    /// The schema with its tables, such as `leads_g7`.
    pub fn schema(&self) -> String {
        format!("{}{}{}", self.read_model, self.kind.infix(), self.number)
    }

    /// A text of ours with this generation's names in it.
    pub(crate) fn fill(&self, sql: &str) -> String {
        sql.replace("{generation}", &self.schema())
            .replace("{schema}", self.read_model.as_str())
            .replace("{number}", &self.number.to_string())
    }
}

/// Why the serving generation is not known.
#[derive(Debug, Error)]
pub enum ServingError {
    /// The name can be no read model's.
    #[error("unknown read model")]
    Name(#[from] ModelNameError),
    /// Nobody has installed the read model in this database.
    #[error("read model {read_model} is not installed")]
    NotInstalled {
        /// The read model.
        read_model: ModelName,
    },
    /// The database did not answer.
    #[error("cannot read which generation of {read_model} is served")]
    Database {
        /// The read model.
        read_model: ModelName,
        /// Why.
        source: sqlx::Error,
    },
}

/// The generation that the views of a read model show.
///
/// # Errors
/// [`ServingError`] when there is none, or the database does not answer.
pub async fn serving(pool: &PgPool, read_model: &str) -> Result<Generation, ServingError> {
    let name = ModelName::new(read_model)?;
    let query = "SELECT generation, fold_version FROM brainops.generation WHERE read_model = $1 AND state = 'serving'";
    let row = sqlx::query(query).bind(name.as_str()).fetch_optional(pool).await;
    let found = row.and_then(|row| row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose());
    match found {
        Ok(Some((number, fold_version))) => Ok(Generation::of_lineage(name, number, fold_version)),
        Ok(None) => Err(ServingError::NotInstalled { read_model: name }),
        Err(source) => Err(ServingError::Database { read_model: name, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_fit_for_two_schemas() {
        for name in ["leads", "a", "events_by_day", "x9", "leads_gold"] {
            assert!(ModelName::new(name).is_ok(), "{name}");
        }
        let long = "a".repeat(41);
        for name in [
            "",
            "Leads",
            "9leads",
            "_x",
            "a-b",
            "a b",
            "a\"b",
            "brainops",
            "public",
            "pg_x",
            "leads_g1",
            "leads_asof_1",
            "leads_verify_20",
            &long,
        ] {
            assert!(ModelName::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_are_filled_into_sql() {
        let generation = Generation::of_lineage(ModelName::new("leads").unwrap(), 7, 2);
        assert_eq!(generation.fill("{generation}.lead {schema}.lead {number}"), "leads_g7.lead leads.lead 7");
        let moment = Generation { kind: GenerationKind::Moment, ..generation };
        assert_eq!(moment.schema(), "leads_asof_7");
    }
}
