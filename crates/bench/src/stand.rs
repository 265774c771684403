//! Where the stack is (`BRAINOPS_CONFIG`), and clients of it that are as bare as can be.

use std::io::Write as _;

use anyhow::Context as _;
use brainops_log::{Cluster, Credentials, KafkaConfig, LogConfig, Registry, RegistryConfig};
use brainops_projection::PostgresConfig;
use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};
use sqlx::{ConnectOptions as _, PgConnection};

/// How to reach the stack.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Stand {
    pub(crate) kafka: KafkaConfig,
    pub(crate) log: LogConfig,
    registry: RegistryConfig,
    postgres: PostgresConfig,
}

impl Stand {
    /// The stack that `BRAINOPS_CONFIG` names.
    pub(crate) fn from_env() -> anyhow::Result<Self> {
        let path = std::env::var_os("BRAINOPS_CONFIG").context("BRAINOPS_CONFIG is not set")?;
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is no configuration of a stack", path.display()))
    }

    pub(crate) fn cluster(&self) -> anyhow::Result<Cluster> {
        Ok(Cluster::new(self.kafka.clone(), self.log.clone())?)
    }

    pub(crate) fn registry(&self) -> anyhow::Result<Registry> {
        Ok(Registry::new(self.registry.clone())?)
    }

    /// The platform's own way to Postgres, into another database.
    pub(crate) fn postgres(&self, database: &str) -> PostgresConfig {
        PostgresConfig { database: database.to_owned(), ..self.postgres.clone() }
    }

    /// One connection, under a name of its own in `pg_stat_activity`.
    pub(crate) async fn connect(&self, database: &str, name: &str) -> anyhow::Result<PgConnection> {
        let options = self.postgres(database).options()?.application_name(name);
        Ok(options.connect().await?)
    }

    /// The full name of a topic.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.log.prefix)
    }

    pub(crate) fn reader(&self) -> anyhow::Result<ClientConfig> {
        self.client(self.kafka.reader.as_ref())
    }

    pub(crate) fn appender(&self) -> anyhow::Result<ClientConfig> {
        self.client(self.kafka.appender.as_ref())
    }

    pub(crate) fn admin(&self) -> anyhow::Result<ClientConfig> {
        self.client(self.kafka.admin.as_ref())
    }

    /// A client configuration with nothing in it but how to get in.
    fn client(&self, login: Option<&Credentials>) -> anyhow::Result<ClientConfig> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.kafka.bootstrap_servers);
        config.set("security.protocol", word(&self.kafka.security_protocol)?);
        if let Some(mechanism) = &self.kafka.sasl_mechanism {
            config.set("sasl.mechanism", word(mechanism)?);
        }
        if let Some(login) = login {
            let password = std::fs::read_to_string(&login.password_file)
                .with_context(|| format!("cannot read {}", login.password_file.display()))?;
            config.set("sasl.username", &login.username).set("sasl.password", password.trim_end());
        }
        Ok(config)
    }
}

/// How a setting is written in a file.
fn word(setting: &impl Serialize) -> anyhow::Result<String> {
    let value = serde_json::to_value(setting)?;
    value.as_str().map(str::to_owned).context("a setting of Kafka is no word")
}

/// Prints figures: the one line that a call ends with.
pub(crate) fn report(figures: &serde_json::Value) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{figures}")?)
}
