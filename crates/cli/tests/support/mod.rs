//! An installation of its own on the test stack: topics, database, state folder, and the `brainops` program on it.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

pub mod repository;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use brainops_log::end_frontier;
use brainops_testkit::{Namespace, eventually};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

/// How long anything that a test waits for may take.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Topics, a database and a state folder that nobody else uses.
pub struct Installation {
    pub namespace: Namespace,
    pub folder: TempDir,
    keys_from: Option<PathBuf>,
}

impl Installation {
    pub async fn new(name: &str) -> Installation {
        let folder = tempfile::tempdir().expect("a folder");
        Installation { namespace: Namespace::new(name).await, folder, keys_from: None }
    }

    /// One more, with the same keys and so with the same ids of people.
    pub async fn with_keys_of(name: &str, other: &Installation) -> Installation {
        Installation { keys_from: Some(other.state()), ..Installation::new(name).await }
    }

    /// Deletes everything of it, the analysts' role too, which belongs to no database.
    pub async fn close(self) {
        let role = format!("{}_analyst", self.namespace.postgres().database);
        let options = self.namespace.stack().postgres.options().expect("options");
        self.namespace.close().await;
        let mut owner = PgConnection::connect_with(&options).await.expect("connects");
        let statement = AssertSqlSafe(format!("DROP ROLE IF EXISTS \"{role}\""));
        sqlx::raw_sql(statement).execute(&mut owner).await.expect("dropped");
    }

    pub fn state(&self) -> PathBuf {
        self.keys_from.clone().unwrap_or_else(|| self.folder.path().join("state"))
    }

    /// The program with these arguments, told where this installation is.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brainops"));
        command
            .args(arguments)
            .env("BRAINOPS_LOG__PREFIX", self.namespace.prefix())
            .env("BRAINOPS_LOG__PARTITIONS", self.namespace.cluster().log_config().partitions.to_string())
            .env("BRAINOPS_POSTGRES__DATABASE", &self.namespace.postgres().database)
            .env("BRAINOPS_POSTGRES__MAX_CONNECTIONS", "10")
            .env("BRAINOPS_STATE__FOLDER", self.state())
            .env("BRAINOPS_SERVER__LISTEN", "127.0.0.1:0")
            .env("RUST_LOG", "info")
            .stdin(Stdio::null());
        command
    }

    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it starts")
    }

    /// Checks how a command ends, and that it says all of this.
    pub fn ends(&self, arguments: &[&str], code: i32, parts: &[&str]) {
        let output = self.output(arguments);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{arguments:?} does not say {part:?}: {said}");
        }
    }

    /// What the program answers in JSON; it must end well.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.output(&[&["--json"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}: {}", output.status, text(&output.stderr));
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stdout)))
    }

    /// Starts the service, to fold; its log is kept in a file.
    pub fn serve(&self) -> Service {
        self.serve_as("projectors")
    }

    /// Starts the service in these roles, with commas between.
    pub fn serve_as(&self, roles: &str) -> Service {
        self.serve_with(roles, &[])
    }

    /// The same with these variables.
    pub fn serve_with(&self, roles: &str, variables: &[(&str, &str)]) -> Service {
        let log = self.folder.path().join("serve.log");
        let file = File::options().create(true).append(true).open(&log).expect("a log");
        let mut command = self.command(&["serve", "--roles", roles]);
        let child = command.envs(variables.iter().copied()).stdout(Stdio::null()).stderr(file).spawn();
        Service { child: child.expect("it starts"), log }
    }

    /// How many records the topics hold together.
    pub async fn records(&self, topics: &[&str]) -> i64 {
        let topics: Vec<_> = topics.iter().map(|topic| self.namespace.topic(topic)).collect();
        let end = end_frontier(self.namespace.cluster(), &topics).await.expect("kafka answers");
        end.iter().map(|(_, _, next)| next.get()).sum()
    }

    pub async fn count(&self, query: &str) -> i64 {
        let counted =
            sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(self.namespace.pool()).await;
        counted.unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    pub async fn texts(&self, query: &str) -> Vec<String> {
        let found =
            sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_all(self.namespace.pool()).await;
        found.unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// Waits until every read model has folded all that the log holds.
    pub async fn caught_up(&self) {
        let all_in = || async {
            let status = self.json(&["status"]);
            status["read_models"].as_array().expect("a list").iter().all(|model| model["lag_offsets"] == 0)
        };
        eventually(LIMIT, all_in).await.expect("the read models catch up");
    }
}

/// A running `brainops serve`; killed when it is dropped.
pub struct Service {
    pub child: Child,
    pub log: PathBuf,
}

impl Service {
    /// As the power goes.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    pub fn log_text(&self) -> String {
        read(&self.log)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
    }
}

pub fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).expect("a file")).into_owned()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
