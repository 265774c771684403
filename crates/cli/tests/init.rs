//! What `brainops init` promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use std::os::unix::fs::PermissionsExt;

use brainops_projection::PostgresConfig;
use serde_json::Value;
use sqlx::Connection as _;
use support::{Installation, read, text};

fn made(report: &Value) -> Vec<String> {
    let steps = report["steps"].as_array().unwrap().iter();
    steps
        .filter(|step| step["state"] == "made")
        .map(|step| step["what"].as_str().unwrap().to_owned())
        .collect()
}

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn init_makes_what_is_missing_and_leaves_what_is_there() {
    let installation = Installation::new("init").await;
    let state = installation.state();
    let first = made(&installation.json(&["init"]));
    for what in ["state folder", "key store", "api-token", "read model events", "read model leads", "role"] {
        assert!(first.iter().any(|step| step.contains(what)), "{what} in {first:?}");
    }
    assert_eq!((mode(&state), mode(&state.join("keys"))), (0o700, 0o700));
    let secrets = ["api-token", "github-webhook-secret", "analyst-password"].map(|name| state.join(name));
    for secret in &secrets {
        assert_eq!(mode(secret), 0o600, "{}", secret.display());
    }
    let before = secrets.clone().map(|secret| read(&secret));
    assert_eq!(made(&installation.json(&["init"])), Vec::<String>::new(), "the second time makes nothing");
    assert_eq!(before, secrets.map(|secret| read(&secret)));
    assert_eq!(installation.records(&["projection"]).await, 4, "each generation is told once");
    installation.close().await;
}

#[tokio::test]
async fn analysts_see_the_views_and_nothing_else() {
    let installation = Installation::new("analyst").await;
    installation.json(&["init"]);
    let log_in = || {
        let owner = installation.namespace.postgres().clone();
        PostgresConfig {
            username: format!("{}_analyst", owner.database),
            password_file: Some(installation.state().join("analyst-password")),
            ..owner
        }
    };
    let mut analyst = sqlx::PgConnection::connect_with(&log_in().options().unwrap()).await.expect("logs in");
    for allowed in ["SELECT count(*) FROM leads.lead", "SELECT count(*) FROM deployments.dora"] {
        let counted: Result<i64, _> = sqlx::query_scalar(allowed).fetch_one(&mut analyst).await;
        assert!(counted.is_ok(), "{allowed}: {counted:?}");
    }
    for refused in [
        "SELECT 1 FROM leads_g1.lead",
        "SELECT 1 FROM brainops.progress",
        "DELETE FROM leads.lead",
        "CREATE TABLE t ()",
    ] {
        assert!(sqlx::query(refused).execute(&mut analyst).await.is_err(), "{refused}");
    }
    // A new password is taken over, the old one forgotten.
    std::fs::remove_file(installation.state().join("analyst-password")).unwrap();
    installation.json(&["init"]);
    sqlx::PgConnection::connect_with(&log_in().options().unwrap())
        .await
        .expect("logs in with the new password");
    drop(analyst);
    installation.close().await;
}

#[tokio::test]
async fn a_state_folder_that_others_can_read_is_refused() {
    let installation = Installation::new("loose").await;
    std::fs::create_dir(installation.state()).unwrap();
    std::fs::set_permissions(installation.state(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let refused = installation.output(&["init"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("mode 755, accepted is 700"), "{}", text(&refused.stderr));
    installation.close().await;
}

#[tokio::test]
async fn what_needs_init_says_so() {
    let installation = Installation::new("bare").await;
    for arguments in [&["serve"][..], &["status"], &["projection", "list"], &["events", "show", "a", "b"]] {
        let output = installation.output(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains("brainops init"), "{arguments:?}: {}", text(&output.stderr));
    }
    installation.close().await;
}
