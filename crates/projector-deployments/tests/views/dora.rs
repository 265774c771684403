//! The DORA views on the real Postgres, against figures that are computed commit by commit.

use std::collections::{BTreeMap, BTreeSet};

use brainops_projection::install;
use brainops_projector_deployments::Deployments;
use brainops_testkit::Namespace;
use chrono::NaiveDate;
use sqlx::{PgPool, Row as _};

use crate::history::store::store;
use crate::history::{BroughtIn, Commit, Deployment, Dice, Figures, History, Place, moment};

fn place(service: &str, environment: &str) -> Place {
    (service.to_owned(), environment.to_owned())
}

/// Two services, three places, merges, wrong clocks, old versions deployed again, commits that nobody imported.
fn large_history() -> History {
    let mut dice = Dice::new(7);
    let mut history = History::with_commits(&mut dice, 5_000);
    history.deploy(&mut dice, "shop", "production", 300);
    history.deploy(&mut dice, "shop", "staging", 120);
    history.deploy(&mut dice, "mail", "production", 40);
    history
}

async fn check_new_commits(pool: &PgPool, brought: &BroughtIn) {
    let rows =
        sqlx::query("SELECT service, environment, deployment_id, is_first, sha FROM deployments.new_commits")
            .fetch_all(pool)
            .await
            .unwrap();
    let mut found: BTreeMap<(Place, String), (bool, BTreeSet<String>)> = BTreeMap::new();
    for row in rows {
        let deployment = ((row.get("service"), row.get("environment")), row.get("deployment_id"));
        let (is_first, commits) = found.entry(deployment).or_default();
        *is_first = row.get("is_first");
        assert!(commits.insert(row.get("sha")), "a commit is new once in a deployment");
    }
    for (deployment, (is_first, news)) in brought {
        let (found_first, found_news) = found.remove(deployment).unwrap_or((*is_first, BTreeSet::new()));
        assert_eq!(found_news, news.clone().unwrap_or_default(), "{deployment:?}");
        assert_eq!(found_first, *is_first, "{deployment:?}");
    }
    assert!(found.is_empty(), "{:?}", found.keys());
}

fn figures_of(row: &sqlx::postgres::PgRow) -> Figures {
    for (figure, reason) in [
        ("lead_time_median_seconds", "lead_time_na_reason"),
        ("failure_rate", "failure_rate_na_reason"),
        ("restore_median_seconds", "restore_na_reason"),
    ] {
        let (figure, reason): (Option<f64>, Option<String>) = (row.get(figure), row.get(reason));
        assert_eq!(figure.is_none(), reason.is_some(), "a figure is there or says why not");
    }
    let (finished, failed, rolled_back): (i64, i64, i64) =
        (row.get("finished"), row.get("failed"), row.get("rolled_back"));
    let rate = (finished > 0).then(|| (failed + rolled_back) as f64 / finished as f64);
    assert_eq!(row.get::<Option<f64>, _>("failure_rate"), rate);
    Figures {
        finished,
        succeeded: row.get("succeeded"),
        failed: failed + rolled_back,
        unknown_sha: row.get("unknown_sha"),
        lead_time: row.get("lead_time_median_seconds"),
        restore: row.get("restore_median_seconds"),
    }
}

async fn check_dora(pool: &PgPool, history: &History, brought: &BroughtIn, places: &[Place]) {
    for at in places {
        let query = "SELECT * FROM deployments.dora WHERE service = $1 AND environment = $2";
        let row = sqlx::query(query).bind(&at.0).bind(&at.1).fetch_one(pool).await.unwrap();
        let expected = history.figures(brought, at, None);
        let weeks = history.weeks(at);
        let frequency: f64 = row.get("deployments_per_week");
        assert_eq!(frequency, expected.succeeded as f64 / weeks.len() as f64, "{at:?}");
        assert_eq!(figures_of(&row), expected, "{at:?}");

        let query =
            "SELECT * FROM deployments.dora_weekly WHERE service = $1 AND environment = $2 ORDER BY week";
        let rows = sqlx::query(query).bind(&at.0).bind(&at.1).fetch_all(pool).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.get::<NaiveDate, _>("week")).collect::<Vec<_>>(), weeks);
        for (row, week) in rows.iter().zip(weeks) {
            let expected = history.figures(brought, at, Some(week));
            assert_eq!(row.get::<f64, _>("deployments_per_week"), expected.succeeded as f64);
            assert_eq!(row.get::<String, _>("iso_week"), week.format("%G-W%V").to_string());
            assert_eq!(figures_of(row), expected, "{at:?} {week}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_commits_are_exact_and_the_figures_follow() {
    let namespace = Namespace::new("dora-large").await;
    let pool = namespace.pool();
    install(pool, &Deployments).await.unwrap();
    let history = large_history();
    store(pool, &history).await;
    let brought = history.brought_in();

    check_new_commits(pool, &brought).await;
    let places = [place("shop", "production"), place("shop", "staging"), place("mail", "production")];
    for at in &places {
        let figures = history.figures(&brought, at, None);
        assert!(
            figures.lead_time.is_some() && figures.restore.is_some(),
            "the history tries every figure: {figures:?}"
        );
    }
    check_dora(pool, &history, &brought, &places).await;
    namespace.close().await;
}

/// From the sixth time on, Postgres may plan a function's queries without looking at its arrays. Over 23,000 commits
/// that made the same question take 10 s in place of 0.2 s; when it does so depends on the figures it keeps of the
/// tables, so the setting is what can be held to.
#[tokio::test(flavor = "multi_thread")]
async fn the_walk_is_planned_with_its_arrays_in_sight() {
    let namespace = Namespace::new("dora-plan").await;
    install(namespace.pool(), &Deployments).await.unwrap();
    let settings: Vec<String> =
        sqlx::query_scalar("SELECT unnest(proconfig) FROM pg_proc WHERE proname = 'walk_new_commits'")
            .fetch_all(namespace.pool())
            .await
            .unwrap();
    assert!(settings.iter().any(|setting| setting == "plan_cache_mode=force_custom_plan"), "{settings:?}");
    namespace.close().await;
}

fn line_of_three() -> History {
    let commit = |number: i64, parents: &[&str]| Commit {
        sha: format!("c{number}"),
        parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
        committed_at: moment(number),
    };
    History {
        commits: vec![commit(1, &[]), commit(2, &["c1"]), commit(3, &["c2", "gone"])],
        deployments: Vec::new(),
    }
}

fn deployment(service: &str, id: &str, sha: &str, status: &'static str, hour: i64) -> Deployment {
    let at = Some(moment(hour));
    Deployment {
        service: service.to_owned(),
        environment: "production".to_owned(),
        id: id.to_owned(),
        sha: sha.to_owned(),
        status,
        succeeded_at: at.filter(|_| status == "succeeded" || status == "rolled_back"),
        failed_at: at.filter(|_| status == "failed"),
        rolled_back_at: at.filter(|_| status == "rolled_back").map(|at| at + chrono::TimeDelta::hours(1)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_figure_says_why() {
    let namespace = Namespace::new("dora-empty").await;
    let pool = namespace.pool();
    install(pool, &Deployments).await.unwrap();
    let mut history = line_of_three();
    history.deployments = vec![
        deployment("starting", "d1", "c1", "started", 10),
        deployment("once", "d1", "c1", "succeeded", 10),
        deployment("failing", "d1", "c1", "failed", 10),
        deployment("same", "d1", "c2", "succeeded", 10),
        deployment("same", "d2", "c2", "succeeded", 20),
        deployment("foreign", "d1", "x1", "succeeded", 10),
        deployment("foreign", "d2", "x2", "succeeded", 20),
        deployment("undone", "d1", "c1", "succeeded", 10),
        deployment("undone", "d2", "c3", "rolled_back", 20),
    ];
    store(pool, &history).await;
    check_new_commits(pool, &history.brought_in()).await;

    type Reasons<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<&'a str>);
    let nothing = Some("no deployment finished");
    let expected: [(&str, Reasons<'_>); 6] = [
        ("starting", (nothing, nothing, nothing, nothing)),
        (
            "once",
            (None, Some("needs at least two successful deployments"), None, Some("no deployment failed")),
        ),
        ("failing", (None, Some("no deployment succeeded"), None, Some("no failed deployment was restored"))),
        ("same", (None, Some("no deployment brought in a new commit"), None, Some("no deployment failed"))),
        (
            "foreign",
            (None, Some("the deployed commits are not imported"), None, Some("no deployment failed")),
        ),
        ("undone", (None, None, None, Some("no failed deployment was restored"))),
    ];
    for (service, reasons) in expected {
        let query = "SELECT * FROM deployments.dora WHERE service = $1";
        let row = sqlx::query(query).bind(service).fetch_one(pool).await.unwrap();
        let found = (
            row.get("deployments_per_week_na_reason"),
            row.get("lead_time_na_reason"),
            row.get("failure_rate_na_reason"),
            row.get("restore_na_reason"),
        );
        assert_eq!(found, reasons, "{service}");
    }
    namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_at_all_gives_no_rows() {
    let namespace = Namespace::new("dora-nothing").await;
    let pool = namespace.pool();
    install(pool, &Deployments).await.unwrap();
    for view in ["new_commits", "dora", "dora_weekly"] {
        let query = sqlx::AssertSqlSafe(format!("SELECT FROM deployments.{view}"));
        assert_eq!(sqlx::query(query).fetch_all(pool).await.unwrap().len(), 0, "{view}");
    }
    namespace.close().await;
}
