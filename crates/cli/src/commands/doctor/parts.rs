//! What is looked at: each part is opened by itself, so that one that is away hides no other.

use std::time::Duration;

use anyhow::Context as _;
use brainops_event::error_chain;
use brainops_log::{Cluster, Registry};
use sqlx::{Connection as _, PgConnection, PgPool};

use super::checks::{kafka, postgres, registry};
use super::finding::Finding;
use crate::context::Context;

/// How long one check may take.
pub const LIMIT: Duration = Duration::from_secs(8);

/// The parts that answer, and what was found while asking them.
pub struct Parts<'a> {
    /// The settings and where things are kept.
    pub context: &'a Context,
    /// Kafka, when it answers.
    pub cluster: Option<Cluster>,
    /// Postgres, when it answers.
    pub pool: Option<PgPool>,
    /// What was found so far.
    pub findings: Vec<Finding>,
}

impl<'a> Parts<'a> {
    /// Asks all parts at once.
    pub async fn open(context: &'a Context) -> Parts<'a> {
        let (kafka, registry, postgres) =
            tokio::join!(open_kafka(context), open_registry(context), open_postgres(context));
        let (cluster, mut findings) = kafka;
        findings.extend(registry);
        let (pool, found) = postgres;
        findings.extend(found);
        Parts { context, cluster, pool, findings }
    }
}

/// Waits for an answer, but not for ever; what fails is a finding.
pub async fn within_limit<T>(
    check: &'static str,
    advice: &str,
    asked: impl Future<Output = anyhow::Result<T>>,
) -> Result<T, Finding> {
    match tokio::time::timeout(LIMIT, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Finding::error(check, error_chain(error.as_ref()), advice)),
        Err(_) => Err(Finding::error(check, format!("no answer within {} s", LIMIT.as_secs()), advice)),
    }
}

async fn open_kafka(context: &Context) -> (Option<Cluster>, Vec<Finding>) {
    let asked = async {
        let cluster = context.cluster()?;
        let findings = kafka::check(&cluster).await?;
        anyhow::Ok((cluster, findings))
    };
    match within_limit(kafka::NAME, kafka::ADVICE, asked).await {
        Ok((cluster, findings)) => (Some(cluster), findings),
        Err(finding) => (None, vec![finding]),
    }
}

async fn open_registry(context: &Context) -> Vec<Finding> {
    let asked = async {
        let registry: Registry = context.registry()?;
        registry::check(&registry).await
    };
    match within_limit(registry::NAME, registry::ADVICE, asked).await {
        Ok(findings) => findings,
        Err(finding) => vec![finding],
    }
}

async fn open_postgres(context: &Context) -> (Option<PgPool>, Vec<Finding>) {
    let asked = async {
        // A single connection says at once what is in its way; a pool tries again until it has waited long enough.
        let config = &context.settings().postgres;
        let connection = PgConnection::connect_with(&config.options()?).await;
        let place = || format!("cannot connect to {} at {}:{}", config.database, config.host, config.port);
        connection.with_context(place)?.close().await?;
        let pool = context.pool().await?;
        let findings = postgres::check(&pool).await?;
        anyhow::Ok((pool, findings))
    };
    match within_limit(postgres::NAME, postgres::ADVICE, asked).await {
        Ok((pool, findings)) => (Some(pool), findings),
        Err(finding) => (None, vec![finding]),
    }
}
