//! What the configuration promises. Needs no stack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const FILE: &str = r#"
[kafka]
bootstrap_servers = "127.0.0.1:9092"
[registry]
url = "http://user:hidden@127.0.0.1:8081/apis"
[postgres]
host = "127.0.0.1"
database = "brainops"
username = "brainops"
password_file = "secrets/postgres"
[state]
folder = "state"
"#;

struct Config {
    folder: tempfile::TempDir,
}

impl Config {
    fn new(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("brainops.toml"), text).unwrap();
        Config { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn show(&self, variables: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_brainops"))
            .args(["--json", "config", "show"])
            .env_clear()
            .env("BRAINOPS_CONFIG", self.path().join("brainops.toml"))
            .envs(variables.iter().copied())
            .output()
            .expect("it starts")
    }

    fn shown(&self, variables: &[(&str, &str)]) -> Value {
        let output = self.show(variables);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refused(&self, variables: &[(&str, &str)]) -> String {
        let output = self.show(variables);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

#[test]
fn variables_go_over_the_file_and_defaults_fill_the_rest() {
    let config = Config::new(FILE);
    let shown = config.shown(&[("BRAINOPS_POSTGRES__PORT", "5433"), ("BRAINOPS_LOG__PREFIX", "123")]);
    let told = |section: &str, key: &str| {
        (shown[section][key].clone(), shown["origins"][format!("{section}.{key}")].clone())
    };
    assert_eq!(told("postgres", "port"), (json!(5433), json!("BRAINOPS_POSTGRES__PORT")));
    assert_eq!(told("log", "prefix"), (json!("123"), json!("BRAINOPS_LOG__PREFIX")));
    assert_eq!(told("log", "replication"), (json!(3), json!("default")));
    assert_eq!(told("postgres", "database"), (json!("brainops"), json!("file")));
    assert_eq!(told("outbox", "answer_limit_ms"), (json!(30_000), json!("default")));
    assert_eq!(told("server", "listen"), (json!("127.0.0.1:8080"), json!("default")));
}

#[test]
fn nested_keys_can_come_from_variables_alone() {
    let config = Config::new(FILE);
    let shown = config.shown(&[
        ("BRAINOPS_KAFKA__APPENDER__USERNAME", "appender"),
        ("BRAINOPS_KAFKA__APPENDER__PASSWORD_FILE", "/secrets/appender"),
    ]);
    assert_eq!(
        shown["kafka"]["appender"],
        json!({"username": "appender", "password_file": "/secrets/appender"})
    );
}

#[test]
fn paths_are_meant_from_the_files_folder_and_logins_are_hidden() {
    let config = Config::new(FILE);
    let shown = config.shown(&[]);
    assert_eq!(shown["postgres"]["password_file"], json!(config.path().join("secrets/postgres")));
    assert_eq!(shown["state"]["folder"], json!(config.path().join("state")));
    assert_eq!(shown["registry"]["url"], json!("http://***@127.0.0.1:8081/apis"));
}

/// A bucket, with these lines more in its section.
fn with_bucket(more: &str) -> String {
    let bucket = "bucket = \"results\"\naccess_key_id = \"tester\"\nsecret_key_file = \"secrets/s3\"";
    format!("{FILE}\n[tools.s3]\n{bucket}\n{more}\n")
}

#[test]
fn a_bucket_has_defaults_and_its_key_is_meant_from_the_files_folder() {
    let config = Config::new(&with_bucket("endpoint = \"http://127.0.0.1:9000\""));
    let expected = json!({
        "bucket": "results",
        "prefix": null,
        "region": "us-east-1",
        "endpoint": "http://127.0.0.1:9000",
        "access_key_id": "tester",
        "secret_key_file": config.path().join("secrets/s3"),
    });
    assert_eq!(config.shown(&[])["tools"]["s3"], expected);
}

#[test]
fn a_bucket_and_a_folder_at_once_are_refused() {
    let both = with_bucket("").replace("[tools.s3]", "[tools]\nobjects = \"results\"\n[tools.s3]");
    let error = Config::new(&both).refused(&[]);
    assert!(error.contains("tools.objects and tools.s3 are both given"), "{error}");
    let error = Config::new(&with_bucket("")).refused(&[("BRAINOPS_TOOLS__OBJECTS", "results")]);
    assert!(error.contains("tools.objects and tools.s3 are both given"), "{error}");
}

#[test]
fn a_bucket_is_not_reached_in_the_open() {
    let plain = with_bucket("endpoint = \"http://s3.example.com\"");
    let error = Config::new(&plain).refused(&[]);
    assert!(error.contains("tools.s3.endpoint (file)") && error.contains("accepted is https"), "{error}");
    let login = with_bucket("endpoint = \"https://user:hidden@s3.example.com\"");
    let error = Config::new(&login).refused(&[]);
    assert!(error.contains("tools.s3.endpoint (file)") && !error.contains("hidden"), "{error}");
    let given = [("BRAINOPS_TOOLS__S3__ENDPOINT", "http://s3.example.com")];
    let error = Config::new(&with_bucket("")).refused(&given);
    assert!(error.contains("tools.s3.endpoint (BRAINOPS_TOOLS__S3__ENDPOINT)"), "{error}");
}

/// Mail, with these lines more in its section.
fn with_mail(more: &str) -> String {
    format!(
        "{FILE}\n[tools.mail]\nhost = \"mail.example.com\"\nport = 465\nfrom = \"notices@example.com\"\n{more}\n"
    )
}

#[test]
fn mail_has_defaults_and_its_files_are_meant_from_the_files_folder() {
    let config = Config::new(&with_mail(
        "username = \"shop\"\npassword_file = \"secrets/mail\"\nca_file = \"ca.pem\"",
    ));
    let expected = json!({
        "host": "mail.example.com",
        "port": 465,
        "encryption": "tls",
        "ca_file": config.path().join("ca.pem"),
        "username": "shop",
        "password_file": config.path().join("secrets/mail"),
        "from": "notices@example.com",
        "domains": [],
    });
    assert_eq!(config.shown(&[])["tools"]["mail"], expected);
    assert_eq!(Config::new(FILE).shown(&[])["tools"]["mail"], json!(null));
}

#[test]
fn mail_is_not_sent_in_the_open() {
    for (more, says) in [
        (
            "encryption = \"none\"",
            "tools.mail.encryption is none for mail.example.com, accepted are tls and starttls",
        ),
        ("encryption = \"ssl\"", "accepted are tls, starttls and none"),
        ("username = \"shop\"", "one of username and password_file"),
        ("domains = [\"@example.com\"]", "tools.mail.domains names \"@example.com\""),
        ("password = \"hidden\"", "tools.mail.password (file)"),
    ] {
        let error = Config::new(&with_mail(more)).refused(&[]);
        assert!(error.contains(says) && !error.contains("hidden"), "{more}: {error}");
    }
    let here = Config::new(&with_mail("encryption = \"none\""));
    here.shown(&[("BRAINOPS_TOOLS__MAIL__HOST", "localhost"), ("BRAINOPS_TOOLS__MAIL__PORT", "25")]);
    let login = [("BRAINOPS_TOOLS__MAIL__HOST", "localhost"), ("BRAINOPS_TOOLS__MAIL__USERNAME", "shop")];
    let error = here.refused(&login);
    assert!(error.contains("accepted is a login over tls or starttls"), "{error}");
}

#[test]
fn names_of_repositories_are_taken_as_they_are() {
    let config =
        Config::new(&format!("{FILE}\n[server.repositories]\n\"Acme/Shop.js\" = \"shop-0123456789ab\"\n"));
    assert_eq!(config.shown(&[])["server"]["repositories"], json!({"Acme/Shop.js": "shop-0123456789ab"}));
}

#[test]
fn unknown_keys_are_refused_wherever_they_stand() {
    let misspelt = Config::new(&FILE.replace("database =", "databse ="));
    let error = misspelt.refused(&[]);
    assert!(
        error.contains("postgres.databse") && error.contains("`database`") && error.contains("file"),
        "{error}"
    );
    let section = Config::new(&format!("{FILE}\n[kafak]\nx = 1\n"));
    let error = section.refused(&[]);
    assert!(error.contains("kafak") && error.contains("`kafka`"), "{error}");
    let config = Config::new(FILE);
    let error = config.refused(&[("BRAINOPS_KAFKA__BOOTSTRAP", "x")]);
    assert!(error.contains("BRAINOPS_KAFKA__BOOTSTRAP") && error.contains("`bootstrap_servers`"), "{error}");
    let error = config.refused(&[("BRAINOPS_KAFKA", "x")]);
    assert!(
        error.contains("BRAINOPS_KAFKA is unknown") && error.contains("BRAINOPS_<SECTION>__<KEY>"),
        "{error}"
    );
    let error = Config::new(&format!("{FILE}\n[agents.lead-follow-up.budget]\nactions = 2\n")).refused(&[]);
    assert!(
        error.contains("agents.lead-follow-up.budget.actions") && error.contains("`actions_per_hour`"),
        "{error}"
    );
    let error = Config::new(&format!("{FILE}\n[outbox]\nshard = 2\n")).refused(&[]);
    assert!(error.contains("outbox.shard") && error.contains("`shards`"), "{error}");
    let error = config.refused(&[("BRAINOPS_LOG__PARTITIONS", "many")]);
    assert!(error.contains("partitions"), "{error}");
}

#[test]
fn what_is_missing_is_named() {
    let error = Config::new(&FILE.replace("bootstrap_servers", "# bootstrap_servers")).refused(&[]);
    assert!(error.contains("bootstrap_servers"), "{error}");
    let error = Config::new("[kafka\n").refused(&[]);
    assert!(error.contains("is no TOML") && error.contains("brainops.toml"), "{error}");
    let nothing =
        Command::new(env!("CARGO_BIN_EXE_brainops")).args(["config", "show"]).env_clear().output().unwrap();
    let error = String::from_utf8_lossy(&nothing.stderr).into_owned();
    assert!(error.contains("--config") && error.contains("BRAINOPS_CONFIG"), "{error}");
}

#[test]
fn unknown_roles_are_refused_with_those_that_are_accepted() {
    let output = Command::new(env!("CARGO_BIN_EXE_brainops"))
        .args(["serve", "--roles", "api,ledger"])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        error.contains("ledger")
            && error.contains("api, projectors, replay, sagas, tasks, tools, sensors, relay"),
        "{error}"
    );
}
