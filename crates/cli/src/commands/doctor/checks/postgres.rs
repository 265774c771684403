//! Whether Postgres is one that keeps what it was given, and who we are there.

use anyhow::Context as _;
use sqlx::PgPool;

use crate::commands::doctor::finding::{Finding, Findings};

pub const NAME: &str = "postgres";
pub const ADVICE: &str =
    "see that postgres.host, its login and its certificates are right and that the server runs";
const QUERY: &str = include_str!("../sql/server.sql");
/// The oldest that we are made for.
const OLDEST: i32 = 180_000;

#[derive(Debug, sqlx::FromRow)]
struct Server {
    version: String,
    version_number: i32,
    role: String,
    is_superuser: bool,
    bypasses_rows: bool,
    synchronous_commit: String,
    fsync: String,
    full_page_writes: String,
    read_only: bool,
}

pub async fn check(pool: &PgPool) -> Findings {
    let server: Server =
        sqlx::query_as(QUERY).fetch_one(pool).await.context("postgres does not say what it is")?;
    let mut findings = vec![if server.version_number < OLDEST {
        let found = format!("release {}, brainops is made for 18 and later", server.version);
        Finding::error(NAME, found, "upgrade the server; the read models can be folded again from the log")
    } else {
        Finding::ok(NAME, format!("release {}, role {}", server.version, server.role))
    }];
    findings.extend(durability(&server));
    if server.is_superuser || server.bypasses_rows {
        let found = format!("the role {} may do everything in this server", server.role);
        let advice = format!(
            "ALTER ROLE \"{}\" NOSUPERUSER NOBYPASSRLS; CREATEROLE is all that init needs",
            server.role
        );
        findings.push(Finding::warning(NAME, found, advice));
    }
    if server.read_only {
        let found = "it takes no writes: a standby, or default_transaction_read_only is on";
        findings.push(Finding::error(NAME, found, "let postgres.host name the primary"));
    }
    Ok(findings)
}

fn durability(server: &Server) -> Vec<Finding> {
    let settings = [
        ("fsync", &server.fsync, "a power cut can destroy the whole database"),
        ("full_page_writes", &server.full_page_writes, "a power cut can destroy pages"),
        ("synchronous_commit", &server.synchronous_commit, "a crash can take back what was committed"),
    ];
    let off = settings.into_iter().filter(|(_, value, _)| *value == "off");
    off.map(|(name, _, danger)| {
        let advice = format!("ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf()");
        let found = format!("{name} is off: {danger}");
        match name {
            // The outbox sets it for itself; read models come again from the log.
            "synchronous_commit" => Finding::warning(NAME, found, advice),
            _ => Finding::error(NAME, found, advice),
        }
    })
    .collect()
}
