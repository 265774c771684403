//! What facts make of a deployment and of its environment.

use brainops_event::Outgoing;
use brainops_projection::Changed;
use brainops_projector_deployments::{
    DeploymentRow, DeploymentTables, Deployments, EnvironmentRow, Serving, Status,
};
use brainops_testkit::{Outcome, given};

use crate::facts::{Fact, failed, hour, rolled_back, started, succeeded};

fn folded(facts: &[Fact]) -> Outcome<Deployments> {
    given(Deployments).events(facts.iter().cloned().map(Outgoing::from)).fold()
}

fn deployment(tables: &DeploymentTables, id: &str) -> DeploymentRow {
    let rows = tables.deployment.all();
    rows.into_iter().find(|row| row.deployment_id == id).unwrap().clone()
}

fn environment(tables: &DeploymentTables) -> EnvironmentRow {
    let rows = tables.environment.all();
    assert_eq!(rows.len(), 1);
    rows[0].clone()
}

fn serving(sha: &str, deployment: Option<&str>, hours: i64) -> Serving {
    Serving {
        sha: Some(sha.to_owned()),
        deployment_id: deployment.map(str::to_owned),
        since: Some(hour(hours)),
    }
}

#[test]
fn every_field_of_the_facts_arrives() {
    let outcome = folded(&[
        started("d1", "s1", 1)
            .with("repository", "shop-1")
            .with("git_ref", "main")
            .with("url", "https://ci/1"),
        succeeded("d1", "s1", 2),
        rolled_back("d1", "s1", 3).with("reason_code", "health_check").with("restored_sha", "s0"),
    ]);
    let changed = Changed {
        source: "testkit".to_owned(),
        id: "rolled_back \"d1\" 3".to_owned(),
        position: deployment(outcome.tables(), "d1").changed.position,
    };
    assert!(changed.position.starts_with("brainops.deployment/") && changed.position.ends_with("@2"));
    let row = DeploymentRow {
        service: "shop".to_owned(),
        environment: "production".to_owned(),
        deployment_id: "d1".to_owned(),
        repository: Some("shop-1".to_owned()),
        sha: "s1".to_owned(),
        git_ref: Some("main".to_owned()),
        url: Some("https://ci/1".to_owned()),
        status: Status::RolledBack,
        reason_code: Some("health_check".to_owned()),
        started_at: Some(hour(1)),
        succeeded_at: Some(hour(2)),
        failed_at: None,
        finished_at: Some(hour(2)),
        rolled_back_at: Some(hour(3)),
        happened_at: hour(3),
        previous_sha: None,
        changed: changed.clone(),
    };
    let environment = EnvironmentRow {
        service: "shop".to_owned(),
        environment: "production".to_owned(),
        serving: serving("s0", None, 3),
        last_succeeded: serving("s1", Some("d1"), 2),
        last_deployment_id: "d1".to_owned(),
        last_status: Status::RolledBack,
        last_happened_at: hour(3),
        changed,
    };
    outcome.expect(|tables| &tables.deployment, [row]).expect(|tables| &tables.environment, [environment]);
}

#[test]
fn the_order_of_arrival_does_not_matter_to_a_deployment() {
    let facts = [
        started("d1", "s1", 2),
        succeeded("d1", "s1", 3),
        rolled_back("d1", "s1", 4).with("reason_code", "slow"),
    ];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let rows = orders.map(|order| {
        let mut all = vec![succeeded("d0", "s0", 1)];
        all.extend(order.map(|place| facts[place].clone()));
        let outcome = folded(&all);
        let environment = environment(outcome.tables());
        assert_eq!(environment.serving.sha.as_deref(), Some("s0"), "{order:?}");
        assert_eq!(environment.last_succeeded, serving("s1", Some("d1"), 3), "{order:?}");
        assert_eq!(
            (environment.last_status, environment.last_happened_at),
            (Status::RolledBack, hour(4)),
            "{order:?}"
        );
        let row = deployment(outcome.tables(), "d1");
        let first = folded(&[succeeded("d0", "s0", 1)]);
        DeploymentRow { changed: deployment(first.tables(), "d0").changed, ..row }
    });
    assert_eq!(rows[0].status, Status::RolledBack);
    assert_eq!(rows[0].previous_sha.as_deref(), Some("s0"));
    assert_eq!((rows[0].started_at, rows[0].finished_at), (Some(hour(2)), Some(hour(3))));
    for row in &rows {
        assert_eq!(row, &rows[0]);
    }
}

#[test]
fn a_success_needs_no_start_and_a_late_start_reopens_nothing() {
    let outcome = folded(&[succeeded("d1", "s1", 5)]);
    let row = deployment(outcome.tables(), "d1");
    assert_eq!((row.status, row.started_at, row.finished_at), (Status::Succeeded, None, Some(hour(5))));

    for late in [4, 6] {
        let outcome = folded(&[succeeded("d1", "s1", 5), started("d1", "s1", late)]);
        let row = deployment(outcome.tables(), "d1");
        assert_eq!((row.status, row.started_at), (Status::Succeeded, Some(hour(late))));
        assert_eq!(environment(outcome.tables()).serving, serving("s1", Some("d1"), 5));
    }
}

#[test]
fn of_several_ends_the_last_to_happen_counts() {
    let cases: [(&[Fact], Status); 6] = [
        (&[failed("d1", "s1", 1), succeeded("d1", "s1", 2)], Status::Succeeded),
        (&[succeeded("d1", "s1", 2), failed("d1", "s1", 1)], Status::Succeeded),
        (&[succeeded("d1", "s1", 1), failed("d1", "s1", 2)], Status::Failed),
        (&[succeeded("d1", "s1", 1), failed("d1", "s1", 1)], Status::Failed),
        (&[rolled_back("d1", "s1", 1), succeeded("d1", "s1", 1)], Status::RolledBack),
        (&[rolled_back("d1", "s1", 1), succeeded("d1", "s1", 2)], Status::Succeeded),
    ];
    for (facts, status) in cases {
        let row = deployment(folded(facts).tables(), "d1");
        assert_eq!(row.status, status);
        assert_eq!(row.happened_at, row.finished_at.max(row.rolled_back_at).unwrap());
    }
}

#[test]
fn the_fact_that_happened_last_names_best_and_erases_nothing() {
    let outcome = folded(&[
        failed("d1", "s1", 4).with("reason_code", "health_check").with("git_ref", "v2"),
        started("d1", "s0", 3).with("git_ref", "main").with("url", "https://ci/1"),
        failed("d1", "s1", 2).with("reason_code", "older"),
    ]);
    let row = deployment(outcome.tables(), "d1");
    assert_eq!(row.sha, "s1");
    assert_eq!(row.git_ref.as_deref(), Some("v2"));
    assert_eq!(row.url.as_deref(), Some("https://ci/1"));
    assert_eq!(row.reason_code.as_deref(), Some("health_check"));
}

#[test]
fn the_previous_sha_is_what_served_before() {
    let outcome = folded(&[
        succeeded("d1", "s1", 1),
        started("d2", "s2", 2),
        succeeded("d3", "s3", 3),
        succeeded("d2", "s2", 4), // d3 was quicker: it serves when d2 succeeds
        failed("d4", "s4", 5),
        rolled_back("d2", "s2", 6), // back to s3, as d2's own row knows
        started("d5", "s5", 7),
        succeeded("d5", "s5", 8),
        succeeded("d5", "s5", 9), // said again: not its own predecessor
    ]);
    let previous = |id: &str| deployment(outcome.tables(), id).previous_sha;
    let expected =
        [("d1", None), ("d2", Some("s3")), ("d3", Some("s1")), ("d4", Some("s2")), ("d5", Some("s3"))];
    for (id, sha) in expected {
        assert_eq!(previous(id).as_deref(), sha, "{id}");
    }
    assert_eq!(environment(outcome.tables()).serving, serving("s5", Some("d5"), 9));
}

#[test]
fn what_is_recorded_late_does_not_take_the_place_of_what_serves() {
    let outcome = folded(&[succeeded("d2", "s2", 5), succeeded("d1", "s1", 3), rolled_back("d1", "s1", 4)]);
    let environment = environment(outcome.tables());
    assert_eq!(environment.serving, serving("s2", Some("d2"), 5));
    assert_eq!(environment.last_succeeded, serving("s2", Some("d2"), 5));
    assert_eq!((environment.last_deployment_id.as_str(), environment.last_status), ("d2", Status::Succeeded));
    assert_eq!(
        deployment(outcome.tables(), "d1").previous_sha,
        None,
        "what served then is not known any more"
    );
}

#[test]
fn a_rollback_restores_what_it_names_or_what_served_before() {
    let named = folded(&[
        succeeded("d1", "s1", 1),
        succeeded("d2", "s2", 2),
        rolled_back("d2", "s2", 3).with("restored_sha", "s0"),
    ]);
    assert_eq!(environment(named.tables()).serving, serving("s0", None, 3));

    let unnamed = folded(&[succeeded("d1", "s1", 1), succeeded("d2", "s2", 2), rolled_back("d2", "s2", 3)]);
    assert_eq!(environment(unnamed.tables()).serving, serving("s1", None, 3));

    let first = folded(&[succeeded("d1", "s1", 1), rolled_back("d1", "s1", 2)]);
    let nothing = Serving { sha: None, deployment_id: None, since: Some(hour(2)) };
    assert_eq!(environment(first.tables()).serving, nothing);

    let other = folded(&[failed("d1", "s1", 1), succeeded("d2", "s2", 2), rolled_back("d1", "s1", 3)]);
    assert_eq!(environment(other.tables()).serving, serving("s2", Some("d2"), 2));
}
