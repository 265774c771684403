//! Whether the platform's tables and the served generations are those of this program.

use anyhow::Context as _;
use sqlx::PgPool;

use crate::commands::doctor::finding::Finding;
use crate::read_models;

pub const NAME: &str = "tables";
const MISSING: &str = include_str!("../sql/missing_tables.sql");
const GENERATIONS: &str =
    "SELECT read_model, generation, fold_version FROM brainops.generation WHERE state = 'serving'";
/// What `init` makes, beside the tables of each generation.
const PLATFORM: [&str; 6] =
    ["generation", "progress", "reservation", "outbox", "outbox_shard", "outbox_partition"];

/// Whether all of them are there, so that there is something to look at, and what was found.
pub async fn check(pool: &PgPool) -> anyhow::Result<(bool, Vec<Finding>)> {
    let platform = PLATFORM.map(str::to_owned).to_vec();
    let missing: Vec<String> = sqlx::query_scalar(MISSING)
        .bind(platform)
        .fetch_all(pool)
        .await
        .context("tables cannot be listed")?;
    if !missing.is_empty() {
        let found = format!("missing in the schema brainops: {}", missing.join(", "));
        return Ok((false, vec![Finding::error(NAME, found, "brainops init")]));
    }
    let served: Vec<(String, i32, i32)> =
        sqlx::query_as(GENERATIONS).fetch_all(pool).await.context("generations cannot be listed")?;
    let (mut findings, mut complete) = (Vec::new(), true);
    for model in read_models::all() {
        let (name, offered) = (model.name(), i32::try_from(model.fold_version()).unwrap_or(i32::MAX));
        match served.iter().find(|(served, ..)| served == name) {
            None => {
                complete = false;
                let found = format!("read model {name} is not installed");
                findings.push(Finding::error(NAME, found, "brainops init"));
            }
            Some((_, number, version)) if *version != offered => {
                findings.push(other_version(name, *number, *version, offered));
            }
            Some(_) => {}
        }
    }
    if findings.is_empty() {
        let found = format!("platform tables and {} generations are those of this program", served.len());
        findings.push(Finding::ok(NAME, found));
    }
    Ok((complete, findings))
}

fn other_version(name: &str, number: i32, version: i32, offered: i32) -> Finding {
    let found =
        format!("generation {number} of {name} holds fold version {version}, this program folds {offered}");
    let advice = if version > offered {
        "run the newer program that made it".to_owned()
    } else {
        format!(
            "`brainops projection rebuild {name} --swap` folds one of this version while that one serves; until then it goes on \
             only where the older program runs"
        )
    };
    Finding::error(NAME, found, advice)
}
