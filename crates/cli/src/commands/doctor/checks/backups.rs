//! Copies of Postgres, as far as the server can tell.

use anyhow::Context as _;
use sqlx::PgPool;

use crate::commands::doctor::finding::{Finding, Findings};

pub const NAME: &str = "backups";
const QUERY: &str = include_str!("../sql/copies.sql");

#[derive(Debug, sqlx::FromRow)]
struct Copies {
    standbys: i64,
    archiving: bool,
    archiving_fails: bool,
}

pub async fn check(pool: &PgPool) -> Findings {
    let copies: Copies =
        sqlx::query_as(QUERY).fetch_one(pool).await.context("postgres does not say how it is copied")?;
    if copies.archiving && copies.archiving_fails {
        let advice =
            "see archive_command and the server's log; until it succeeds no backup can be brought up to date";
        return Ok(vec![Finding::error(NAME, "archiving of the write-ahead log fails", advice)]);
    }
    let archiving = if copies.archiving { "on" } else { "off" };
    // Whether somebody copies the files is not known to the server, nor is any copy of Kafka or of the state folder.
    Ok(vec![Finding::ok(
        NAME,
        format!(
            "{} standby(s), archiving {archiving}; dumps, and copies of Kafka and of the state folder, cannot be seen from \
             here",
            copies.standbys
        ),
    )])
}
