//! The named queries that the server runs.

use std::collections::BTreeSet;

use brainops_projection::install;
use brainops_projector_deployments::Deployments;
use brainops_testkit::Namespace;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgPool, Row as _};

use crate::history::store::store;
use crate::history::{Dice, History, moment};

const DEPLOYMENTS: &str = include_str!("../../../../projections/deployments/queries/deployments.sql");

type Key = (DateTime<Utc>, String, String, String);

async fn page(pool: &PgPool, status: Option<&str>, after: Option<Key>, limit: i64) -> Vec<Key> {
    let query = sqlx::query(DEPLOYMENTS).bind(None::<&str>).bind(Some("production")).bind(status);
    let (at, service, environment, id) = match after {
        Some((at, service, environment, id)) => (Some(at), Some(service), Some(environment), Some(id)),
        None => (None, None, None, None),
    };
    let rows =
        query.bind(at).bind(service).bind(environment).bind(id).bind(limit).fetch_all(pool).await.unwrap();
    let key = |row: &sqlx::postgres::PgRow| {
        (row.get("happened_at"), row.get("service"), row.get("environment"), row.get("deployment_id"))
    };
    rows.iter().map(key).collect()
}

/// What lies between two successes is what the later one brought in.
async fn check_commits_between(pool: &PgPool, history: &History) {
    let between = include_str!("../../../../projections/deployments/queries/commits_between.sql");
    let successes = "SELECT service, environment, deployment_id, sha, previous_sha FROM deployments.success";
    let (mut compared, brought_in) = (0, history.brought_in());
    for success in sqlx::query(successes).fetch_all(pool).await.unwrap() {
        let Some(previous): Option<String> = success.get("previous_sha") else { continue };
        let place = (success.get("service"), success.get("environment"));
        let (_, news) = &brought_in[&(place, success.get("deployment_id"))];
        let query =
            sqlx::query(between).bind(success.get::<String, _>("sha")).bind(&previous).bind(10_000_i64);
        let rows = query.fetch_all(pool).await.unwrap();
        let found: BTreeSet<String> = rows.iter().map(|row| row.get("sha")).collect();
        assert_eq!(found, news.clone().unwrap_or_default());
        assert_eq!(found.len(), rows.len(), "each once");
        let parents_are_there = |row: &sqlx::postgres::PgRow| {
            let sha: String = row.get("sha");
            let commit = history.commits.iter().find(|commit| commit.sha == sha).unwrap();
            commit.parents.iter().all(|parent| history.commits.iter().any(|known| known.sha == *parent))
        };
        assert!(rows.iter().all(|row| row.get::<bool, _>("is_whole") == parents_are_there(row)));
        compared += found.len();
    }
    assert!(compared > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_are_listed_page_by_page_and_every_query_runs() {
    let namespace = Namespace::new("deployment-queries").await;
    let pool = namespace.pool();
    install(pool, &Deployments).await.unwrap();
    let mut dice = Dice::new(3);
    let mut history = History::with_commits(&mut dice, 60);
    history.deploy(&mut dice, "shop", "production", 25);
    history.deploy(&mut dice, "mail", "staging", 5);
    store(pool, &history).await;

    let all = page(pool, None, None, 100).await;
    assert_eq!(all.len(), 25, "of one environment only");
    assert!(all.is_sorted_by(|one, other| one > other), "the latest first");
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let next = page(pool, None, after.clone(), 7).await;
        let Some(last) = next.last().cloned() else { break };
        paged.extend(next);
        after = Some(last);
    }
    assert_eq!(paged, all, "pages join without a gap or an overlap");
    let failed =
        history.deployments.iter().filter(|one| one.status == "failed" && one.service == "shop").count();
    assert_eq!(page(pool, Some("failed"), None, 100).await.len(), failed);

    let weekly = include_str!("../../../../projections/deployments/queries/dora_weekly.sql");
    let bound =
        |day: NaiveDate| sqlx::query(weekly).bind("shop").bind("production").bind(day).bind(day).bind(10_i64);
    let sunday = moment(24 * 11).date_naive(); // 2020-01-12
    let rows = bound(sunday).fetch_all(pool).await.unwrap();
    let weeks: Vec<NaiveDate> = rows.iter().map(|row| row.get("week")).collect();
    assert_eq!(weeks, [moment(24 * 5).date_naive()], "the week of any of its days, bounds included");

    let environments = include_str!("../../../../projections/deployments/queries/environments.sql");
    let rows = sqlx::query(environments).bind(None::<&str>).bind(None::<&str>).fetch_all(pool).await.unwrap();
    assert_eq!(rows.len(), 2);
    let new_commits = include_str!("../../../../projections/deployments/queries/new_commits.sql");
    let first = history.brought_in().into_iter().find(|(_, (is_first, news))| *is_first && news.is_some());
    let ((place, id), (_, news)) = first.unwrap();
    let query = sqlx::query(new_commits).bind(place.0).bind(place.1).bind(id).bind(1_000_i64);
    assert_eq!(query.fetch_all(pool).await.unwrap().len(), news.unwrap().len());
    check_commits_between(pool, &history).await;
    let freshness = include_str!("../../../../projections/deployments/queries/freshness.sql");
    assert!(
        sqlx::query(freshness).fetch_all(pool).await.unwrap().is_empty(),
        "nobody has followed the log yet"
    );
    namespace.close().await;
}
