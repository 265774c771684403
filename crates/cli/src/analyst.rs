//! The login role of analysts: it sees the views of the read models and nothing else.

use anyhow::{Context as _, bail};
use brainops_projection::grant_analyst;
use rand::TryRng as _;
use rand::rngs::SysRng;
use sqlx::{AssertSqlSafe, PgPool, Row as _};

use crate::scram;
use crate::secrets::{MadeOrFound, StateFolder, read_secret};

const ROLE: &str = include_str!("../queries/analyst_role.sql");
/// Postgres cuts longer names off, and two databases would share one role.
const NAME_BYTES: usize = 63;

/// The analysts' role of a database.
pub fn role_name(database: &str) -> anyhow::Result<String> {
    let name = format!("{database}_analyst");
    if name.len() > NAME_BYTES {
        bail!(
            "the role {name} has {} bytes, postgres takes {NAME_BYTES}; choose a shorter postgres.database",
            name.len()
        );
    }
    Ok(name)
}

/// Makes the role and its password where they are missing, and lets it read the views that there are now.
/// `password` says whether the file with it was made just now.
pub async fn ensure(
    pool: &PgPool,
    state: &StateFolder,
    role: &str,
    password: MadeOrFound,
) -> anyhow::Result<MadeOrFound> {
    let made = ensure_role(pool, state, role, password).await;
    let made = made.with_context(|| {
        format!("the role {role} cannot be made; the login of [postgres] needs CREATEROLE")
    })?;
    grant_analyst(pool, role).await?;
    Ok(made)
}

async fn ensure_role(
    pool: &PgPool,
    state: &StateFolder,
    role: &str,
    password: MadeOrFound,
) -> anyhow::Result<MadeOrFound> {
    let mut salt = [0; scram::SALT_BYTES];
    SysRng.try_fill_bytes(&mut salt).context("the system gives no random bytes")?;
    let verifier = scram::verifier(&read_secret(&state.analyst_password())?, salt);
    let row = sqlx::query(ROLE).bind(role).bind(verifier).fetch_one(pool).await?;
    let (existed, statement) =
        (row.try_get::<String, _>("role")? == "found", row.try_get::<String, _>("statement")?);
    // A role that was there keeps its password, unless the file with it is new.
    if existed && password == MadeOrFound::Found {
        return Ok(MadeOrFound::Found);
    }
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await?;
    Ok(if existed { MadeOrFound::Found } else { MadeOrFound::Made })
}

#[cfg(test)]
mod tests {
    use super::role_name;

    #[test]
    fn a_name_that_postgres_would_cut_is_refused() {
        assert_eq!(role_name("brainops").unwrap(), "brainops_analyst");
        assert!(role_name(&"d".repeat(60)).unwrap_err().to_string().contains("postgres.database"));
    }
}
