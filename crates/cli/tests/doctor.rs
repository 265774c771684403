//! What `brainops doctor` finds, and what it says to do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};

use brainops_log::{KafkaConfig, delete_topics};
use brainops_testkit::eventually;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use support::{Installation, LIMIT, text};

/// Every check there is.
const CHECKS: [&str; 16] = [
    "program",
    "kafka",
    "registry",
    "postgres",
    "topics",
    "permissions",
    "tables",
    "transactions",
    "backups",
    "read models",
    "outbox",
    "parked",
    "repeats",
    "clocks",
    "disk",
    "secrets",
];

/// What the doctor says, and its exit code.
fn doctor(installation: &Installation, variables: &[(&str, &str)]) -> (Value, Option<i32>) {
    let mut command = installation.command(&["--json", "doctor"]);
    let output = command.envs(variables.iter().copied()).output().expect("it starts");
    let answer = serde_json::from_slice(&output.stdout);
    (answer.unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr))), output.status.code())
}

fn findings<'a>(answer: &'a Value, level: &str) -> Vec<&'a Value> {
    answer["findings"].as_array().unwrap().iter().filter(|one| one["level"] == level).collect()
}

/// Something of this check, with this level, says what was found and what to do.
#[track_caller]
fn finds(answer: &Value, [check, level, found, advice]: [&str; 4]) {
    let says = |one: &&&Value| {
        one["check"] == check
            && one["found"].as_str().unwrap().contains(found)
            && one["advice"].as_str().unwrap_or_default().contains(advice)
    };
    assert!(
        findings(answer, level).iter().any(|one| says(&one)),
        "{level} {check}: {found}: {advice} in\n{answer:#}"
    );
}

async fn sql(installation: &Installation, statements: &str) {
    let statements = AssertSqlSafe(statements.to_owned());
    sqlx::raw_sql(statements).execute(installation.namespace.pool()).await.unwrap();
}

/// The whole service; killed when it is dropped.
struct Running(Child);

impl Running {
    fn start(installation: &Installation) -> Running {
        let log = std::fs::File::create(installation.folder.path().join("all-roles.log")).unwrap();
        let started = installation.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn();
        Running(started.expect("it starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _gone_already = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_installation_is_well_in_every_respect() {
    let installation = Installation::new("healthy").await;
    let (before, code) = doctor(&installation, &[]);
    finds(&before, ["tables", "error", "missing in the schema brainops", "brainops init"]);
    finds(&before, ["outbox", "unknown", "see tables", "mend tables first"]);
    finds(&before, ["secrets", "error", "is missing", "brainops init"]);
    assert_eq!(code, Some(3));
    installation.json(&["init"]);
    let running = Running::start(&installation);
    let well =
        || async { doctor(&installation, &[]).1 == Some(0) && doctor(&installation, &[]).0["level"] == "ok" };
    let waited = eventually(LIMIT, well).await;
    let (answer, code) = doctor(&installation, &[]);
    waited.unwrap_or_else(|error| panic!("{error}: {answer:#}"));
    assert_eq!(code, Some(0));
    let looked: Vec<&Value> = findings(&answer, "ok").iter().map(|one| &one["check"]).collect();
    assert!(CHECKS.iter().all(|check| looked.iter().any(|one| *one == check)), "{looked:?}");

    let printed = text(&installation.output(&["doctor"]).stdout);
    assert!(printed.contains("all is well") && printed.contains("schemas are registered"), "{printed}");
    assert!(!text(&installation.output(&["doctor", "--problems"]).stdout).contains("schemas"));
    drop(running);
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_away_is_a_finding_and_hides_no_other() {
    let installation = Installation::new("away").await;
    installation.json(&["init"]);
    let (answer, code) = doctor(&installation, &[("BRAINOPS_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")]);
    assert_eq!(code, Some(3));
    finds(&answer, ["kafka", "error", "", "kafka.bootstrap_servers"]);
    finds(&answer, ["topics", "unknown", "see kafka", "mend kafka first"]);
    finds(&answer, ["registry", "ok", "schemas are registered", ""]);
    let (answer, code) = doctor(&installation, &[("BRAINOPS_REGISTRY__URL", "http://127.0.0.1:1/none")]);
    assert_eq!(code, Some(3));
    finds(&answer, ["registry", "error", "http://127.0.0.1:1/none", "registry.url"]);
    finds(&answer, ["topics", "ok", "are as they should be", ""]);
    let (answer, code) = doctor(&installation, &[("BRAINOPS_POSTGRES__PORT", "1")]);
    assert_eq!(code, Some(3));
    finds(&answer, ["postgres", "error", "127.0.0.1:1", "postgres.host"]);
    finds(&answer, ["parked", "unknown", "see postgres", "mend postgres first"]);
    finds(&answer, ["topics", "ok", "are as they should be", ""]);
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_otherwise_is_found() {
    let installation = Installation::new("settings").await;
    installation.json(&["init"]);
    let namespace = &installation.namespace;
    let (retention, missing) = (namespace.topic("lead"), namespace.topic("memory"));
    set_retention(&namespace.stack().kafka, retention.as_str(), "60000").await;
    delete_topics(namespace.cluster(), std::slice::from_ref(&missing)).await.unwrap();
    let gone = || async {
        let (answer, _) = doctor(&installation, &[]);
        findings(&answer, "error").iter().filter(|one| one["check"] == "topics").count() == 2
    };
    eventually(LIMIT, gone).await.unwrap();
    let (answer, code) = doctor(&installation, &[]);
    assert_eq!(code, Some(3));
    let set = format!("--entity-name {retention} --add-config retention.ms=-1");
    finds(&answer, ["topics", "error", "retention.ms 60000, wanted -1", &set]);
    finds(&answer, ["topics", "error", &format!("{missing} does not exist"), "brainops init"]);
    let (answer, _) =
        doctor(&installation, &[("BRAINOPS_LOG__PARTITIONS", "7"), ("BRAINOPS_LOG__REPLICATION", "2")]);
    finds(&answer, ["topics", "error", "partitions 4, wanted 7", "set log.partitions to 4"]);
    finds(&answer, ["topics", "warning", "replication 1, wanted 2", "set log.replication to 1"]);

    let password = installation.namespace.postgres().password_file.clone().unwrap();
    let password = password.with_file_name("postgres-superuser");
    let login = [
        ("BRAINOPS_POSTGRES__USERNAME", "postgres"),
        ("BRAINOPS_POSTGRES__PASSWORD_FILE", password.to_str().unwrap()),
    ];
    let (answer, _) = doctor(&installation, &login);
    finds(&answer, ["postgres", "warning", "the role postgres may do everything", "NOSUPERUSER"]);
    let admin = namespace.stack().kafka.admin.clone().unwrap();
    let login = [
        ("BRAINOPS_KAFKA__APPENDER__USERNAME", admin.username.as_str()),
        ("BRAINOPS_KAFKA__APPENDER__PASSWORD_FILE", admin.password_file.to_str().unwrap()),
    ];
    let (answer, _) = doctor(&installation, &login);
    finds(
        &answer,
        ["permissions", "warning", "kafka.appender may do more than it needs: Delete", "--remove"],
    );
    // The first transaction of a broker's life takes it some seconds.
    let told = || async {
        let (answer, _) = doctor(&installation, &login);
        let tried = |one: &&Value| one["found"].as_str().unwrap().contains("may use transactions");
        findings(&answer, "warning").iter().any(tried)
    };
    eventually(LIMIT, told).await.expect("transactions are not refused to who may do everything");
    let appender = namespace.stack().kafka.appender.clone().unwrap();
    let login = [
        ("BRAINOPS_KAFKA__READER__USERNAME", appender.username.as_str()),
        ("BRAINOPS_KAFKA__READER__PASSWORD_FILE", appender.password_file.to_str().unwrap()),
    ];
    let (answer, _) = doctor(&installation, &login);
    finds(&answer, ["permissions", "error", "kafka.reader lacks Read", "--add --operation Read"]);
    installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_is_found_with_its_remedy() {
    let installation = Installation::new("stands").await;
    installation.json(&["init"]);
    let mode = |path: &Path, mode| set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let (token, keys) = (installation.state().join("api-token"), installation.state().join("keys"));
    mode(&token, 0o644);
    std::fs::remove_file(installation.state().join("github-webhook-secret")).unwrap();
    mode(&keys, 0o750);
    sql(&installation, PLANTED).await;
    let (answer, code) = doctor(&installation, &[]);
    assert_eq!(code, Some(3));
    for finding in [
        ["secrets", "error", "api-token has mode 644", "chmod 600"],
        ["secrets", "error", "github-webhook-secret is missing", "brainops init"],
        ["secrets", "error", "keys has mode 750", "chmod 700"],
        ["tables", "error", "of operations holds fold version 99", "run the newer program"],
        [
            "read models",
            "error",
            "leads has stopped: RecordChanged",
            "the log is not the one that leads was folded from",
        ],
        [
            "read models",
            "error",
            "deployments has paused itself since",
            "brainops projection resume deployments",
        ],
        ["read models", "warning", "events: 0 of", "brainops serve --roles projectors"],
        ["outbox", "error", "rows wait for the log, the oldest for 10 min", "brainops serve --roles relay"],
        ["outbox", "error", "no live relay for", "brainops serve --roles relay"],
        ["outbox", "error", "nothing is sent to", "log and outbox tell different histories"],
        ["parked", "warning", "leads holds 3 records of 1 subjects back", "brainops parked list leads"],
        ["repeats", "warning", "1 events were counted more than once, 1 times too many", "events.repeat"],
        ["clocks", "error", "kafka is", "NTP"],
    ] {
        finds(&answer, finding);
    }
    mode(&keys, 0o700);
    installation.close().await;
}

/// One of each, in tables that nobody writes just now.
const PLANTED: &str = "
UPDATE brainops.generation SET fold_version = 99 WHERE read_model = 'operations';
UPDATE brainops.generation SET pauses = 1, paused_at = now(), paused_reason = '101 subjects in a minute'
 WHERE read_model = 'deployments';
INSERT INTO leads_g1.checkpoint (topic, partition, topic_id, next_offset, epoch) VALUES ('t.lead', 0, 'x', 7, 1)
    ON CONFLICT DO NOTHING;
INSERT INTO brainops.progress (read_model, generation, topic, partition, instance, epoch, state, reason_class, reason, next_offset, heartbeat_at)
VALUES ('leads', 1, 't.lead', 0, 'test', 1, 'stopped', 'RecordChanged', 'the log has another record there', 7, now());
INSERT INTO leads_g1.parked (topic, partition, record_offset, reason_code, reason, recorded_at, subject, last_offset, held)
VALUES ('t.lead', 0, 3, 'ApplyEvent', 'no such stage', now(), 'lead-7', 6, 3);
INSERT INTO events_g1.identity VALUES ('s', 'i', 't', 0, 1, now()), ('s', 'i', 't', 1, 1, now());
UPDATE brainops.outbox_shard SET lease_until = '-infinity';
UPDATE brainops.outbox_partition SET stopped_reason = 'the topic was made again', stopped_at = now()
 WHERE ctid = (SELECT min(ctid) FROM brainops.outbox_partition);
INSERT INTO brainops.outbox (outbox_id, shard, topic, partition, bytes, inserted_at)
VALUES (1000001, 0, 't.lead', 0, 10, now() - interval '10 minutes 1 second');
INSERT INTO brainops.outbox (outbox_id, shard, topic, partition, bytes, send_no, epoch, log_offset, inserted_at, recorded_at, acked_at)
VALUES (1000002, 0, 't.lead', 0, 10, 1, 1, 1, now(), now() + interval '45 seconds', now());
";

async fn set_retention(kafka: &KafkaConfig, topic: &str, value: &str) {
    let admin = kafka.admin.clone().unwrap();
    let password = std::fs::read_to_string(&admin.password_file).unwrap();
    let client: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &kafka.bootstrap_servers)
        .set("security.protocol", "SASL_PLAINTEXT")
        .set("sasl.mechanism", "SCRAM-SHA-256")
        .set("sasl.username", &admin.username)
        .set("sasl.password", password.trim_end())
        .create()
        .unwrap();
    // What is not named here is as if it was never set.
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic))
        .set("retention.ms", value)
        .set("message.timestamp.type", "LogAppendTime");
    let changed = client.alter_configs(&[change], &AdminOptions::new()).await.unwrap();
    changed.into_iter().for_each(|one| drop(one.unwrap()));
}
