//! Room on the disk of the state folder, and what Postgres takes. Kafka's disks are for its own tools.

use std::path::Path;

use anyhow::Context as _;
use sqlx::PgPool;

use crate::commands::doctor::finding::{Finding, Findings};
use crate::context::Context;

pub const NAME: &str = "disk";
const QUERY: &str = include_str!("../sql/sizes.sql");
const GIB: u64 = 1024 * 1024 * 1024;
/// Free bytes below which somebody should look, and below which keys may soon not be stored.
const FREE_WARNING: u64 = 2 * GIB;
const FREE_ERROR: u64 = GIB / 4;

pub async fn check(context: &Context, pool: Option<&PgPool>) -> Findings {
    let mut findings = vec![of_state(context.state().path())?];
    if let Some(pool) = pool {
        let (database, tablespace): (String, Option<String>) =
            sqlx::query_as(QUERY).fetch_one(pool).await.context("postgres does not tell its size")?;
        let tablespace = tablespace.map_or(String::new(), |size| format!(", its tablespace {size}"));
        findings.push(Finding::ok(
            NAME,
            format!("postgres: the database takes {database}{tablespace}; how much is free there the server does not tell"),
        ));
    }
    Ok(findings)
}

fn of_state(folder: &Path) -> anyhow::Result<Finding> {
    // A folder that is not there yet will be made on the disk of the first one above it that is.
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
    let room = rustix::fs::statvfs(there)
        .with_context(|| format!("the disk of {} cannot be read", there.display()))?;
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    let found = format!("{:.1} GiB free for the state folder {}", free as f64 / GIB as f64, folder.display());
    let advice = "free some room: keys of new people cannot be stored on a full disk, and then nothing about them is accepted";
    Ok(if free < FREE_ERROR {
        Finding::error(NAME, found, advice)
    } else if free < FREE_WARNING {
        Finding::warning(NAME, found, advice)
    } else {
        Finding::ok(NAME, found)
    })
}
