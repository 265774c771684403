//! The figures that people ask for first: DORA and the lead funnel, as the read models' own queries tell them.

use anyhow::Context as _;
use serde::Serialize;
use sqlx::PgPool;

const DORA: &str = include_str!("../../../../projections/deployments/queries/dora.sql");
const FUNNEL: &str = include_str!("../../../../projections/leads/queries/funnel.sql");

/// Both.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// One for each service and environment.
    pub dora: Vec<Dora>,
    /// One for each stage.
    pub funnel: Vec<FunnelStage>,
}

/// The four DORA figures of a service in an environment, over all time. A null has its reason beside it.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub struct Dora {
    pub service: String,
    pub environment: String,
    pub weeks: Option<i64>,
    pub finished: i64,
    pub succeeded: i64,
    pub failed: i64,
    pub rolled_back: i64,
    pub deployments_per_week: Option<f64>,
    pub deployments_per_week_na_reason: Option<String>,
    pub lead_time_median_seconds: Option<f64>,
    pub lead_time_commits: i64,
    pub lead_time_na_reason: Option<String>,
    pub failure_rate: Option<f64>,
    pub failure_rate_na_reason: Option<String>,
    pub restore_median_seconds: Option<f64>,
    pub restored: i64,
    pub restore_na_reason: Option<String>,
}

/// One stage of the lead funnel.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub struct FunnelStage {
    pub stage: String,
    pub position: i32,
    pub reached: i64,
    pub current: i64,
    pub conversion_from_previous: Option<f64>,
    pub median_seconds_in_stage: Option<f64>,
}

/// Reads both.
pub async fn figures(pool: &PgPool) -> anyhow::Result<Figures> {
    let everything: Option<&str> = None;
    let dora = sqlx::query_as(DORA).bind(everything).bind(everything).fetch_all(pool).await;
    let funnel = sqlx::query_as(FUNNEL).fetch_all(pool).await;
    Ok(Figures {
        dora: dora.context("the DORA figures cannot be read")?,
        funnel: funnel.context("the lead funnel cannot be read")?,
    })
}
