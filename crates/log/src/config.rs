//! What a person configures: how to reach Kafka and the registry, and how topics are made.
//! Read once, checked at the edge, passed by value; unknown keys are refused.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::secret::SecretError;

/// How to reach a Kafka cluster, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// Comma separated `host:port` of some brokers. No default.
    pub bootstrap_servers: String,
    /// How connections are secured and who logs in. Default: `PLAINTEXT`.
    #[serde(default)]
    pub security_protocol: SecurityProtocol,
    /// How a login is proved when the protocol is one of `SASL_*`. No default: required there.
    #[serde(default)]
    pub sasl_mechanism: Option<SaslMechanism>,
    /// PEM file of the authorities that may sign the brokers' certificates. Default: the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client's own certificate, for mutual TLS. Default: none.
    #[serde(default)]
    pub certificate_file: Option<PathBuf>,
    /// PEM file of the key of `certificate_file`; readable by its owner only. Default: none.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// File that holds the password of `key_file`; readable by its owner only. Default: none.
    #[serde(default)]
    pub key_password_file: Option<PathBuf>,
    /// Who appends. Required when the protocol is one of `SASL_*`.
    #[serde(default)]
    pub appender: Option<Credentials>,
    /// Who reads. Required when the protocol is one of `SASL_*`.
    #[serde(default)]
    pub reader: Option<Credentials>,
    /// Who makes topics. Required when the protocol is one of `SASL_*`.
    #[serde(default)]
    pub admin: Option<Credentials>,
}

/// A name and where its password is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The login name.
    pub username: String,
    /// File that holds the password, one trailing line break left out; readable by its owner only.
    pub password_file: PathBuf,
}

/// How a connection to a broker is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SecurityProtocol {
    /// No encryption, no login.
    #[default]
    #[serde(rename = "PLAINTEXT")]
    Plaintext,
    /// TLS, no login other than a client certificate.
    #[serde(rename = "SSL")]
    Ssl,
    /// A login without encryption: for loopback only.
    #[serde(rename = "SASL_PLAINTEXT")]
    SaslPlaintext,
    /// A login inside TLS.
    #[serde(rename = "SASL_SSL")]
    SaslSsl,
}

/// How a login is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SaslMechanism {
    /// The password as it is: only inside TLS.
    #[serde(rename = "PLAIN")]
    Plain,
    /// Salted challenge and response with SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// Salted challenge and response with SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

/// How topics are named and made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// What every topic name starts with, before a dot: the namespace. Letters, digits, `-`, `_` and `.`, at
    /// most 100. Default: `brainops`.
    #[serde(default = "default_prefix")]
    pub prefix: String,
    /// Partitions of a topic when it is made, 1 to 1,000; never changed after. Default: 8.
    #[serde(default = "default_partitions")]
    pub partitions: u16,
    /// Copies of each partition, 1 to 7; acknowledged by all but one of them when 2 or more. Default: 3.
    #[serde(default = "default_replication")]
    pub replication: u16,
}

/// How to reach the schema registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// Where the Confluent API begins, such as `http://127.0.0.1:8080/apis/ccompat/v7`. No default.
    pub url: String,
    /// The login name, with `password_file`. Default: none.
    #[serde(default)]
    pub username: Option<String>,
    /// File that holds the password; readable by its owner only. Default: none.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// PEM file of the authorities that may sign the registry's certificate. Default: the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// A configuration that cannot be true. Trying again does not help.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A value is outside what is accepted.
    #[error("{field} is {found:?}, accepted is {accepted}")]
    Value {
        /// Name of the key, with its section.
        field: &'static str,
        /// What was given.
        found: String,
        /// What would be taken.
        accepted: &'static str,
    },
    /// A value that another one calls for is missing.
    #[error("{field} is missing, {because} needs it")]
    Missing {
        /// Name of the key, with its section.
        field: &'static str,
        /// What calls for it.
        because: &'static str,
    },
    /// A file with a secret cannot be used.
    #[error("{field} cannot be used")]
    Secret {
        /// Name of the key, with its section.
        field: &'static str,
        /// Why.
        source: SecretError,
    },
    /// The Kafka client refused the whole.
    #[error("the kafka client refused its configuration")]
    Client(#[source] rdkafka::error::KafkaError),
}

impl SecurityProtocol {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            SecurityProtocol::Plaintext => "PLAINTEXT",
            SecurityProtocol::Ssl => "SSL",
            SecurityProtocol::SaslPlaintext => "SASL_PLAINTEXT",
            SecurityProtocol::SaslSsl => "SASL_SSL",
        }
    }

    pub(crate) fn has_login(self) -> bool {
        matches!(self, SecurityProtocol::SaslPlaintext | SecurityProtocol::SaslSsl)
    }
}

impl SaslMechanism {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            SaslMechanism::Plain => "PLAIN",
            SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
            SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

impl KafkaConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.bootstrap_servers.trim().is_empty() {
            return Err(ConfigError::Value {
                field: "kafka.bootstrap_servers",
                found: self.bootstrap_servers.clone(),
                accepted: "host:port, several with commas between",
            });
        }
        if self.security_protocol.has_login() && self.sasl_mechanism.is_none() {
            return Err(ConfigError::Missing {
                field: "kafka.sasl_mechanism",
                because: "kafka.security_protocol",
            });
        }
        if self.key_file.is_some() != self.certificate_file.is_some() {
            let (field, because) = match self.key_file {
                Some(_) => ("kafka.certificate_file", "kafka.key_file"),
                None => ("kafka.key_file", "kafka.certificate_file"),
            };
            return Err(ConfigError::Missing { field, because });
        }
        Ok(())
    }
}

const PREFIX_LIMIT: usize = 100; // a topic name has at most 249 bytes, ours add a short word

impl LogConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let known = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        let plain =
            self.prefix.chars().all(known) && !self.prefix.starts_with('.') && !self.prefix.ends_with('.');
        if !plain || self.prefix.is_empty() || self.prefix.len() > PREFIX_LIMIT {
            return Err(ConfigError::Value {
                field: "log.prefix",
                found: self.prefix.clone(),
                accepted: "1 to 100 letters, digits, '-', '_' and '.', no '.' at either end",
            });
        }
        within("log.partitions", self.partitions, 1..=1000, "1 to 1000")?;
        within("log.replication", self.replication, 1..=7, "1 to 7")
    }
}

fn within(
    field: &'static str,
    found: u16,
    range: std::ops::RangeInclusive<u16>,
    accepted: &'static str,
) -> Result<(), ConfigError> {
    if range.contains(&found) {
        return Ok(());
    }
    Err(ConfigError::Value { field, found: found.to_string(), accepted })
}

fn default_prefix() -> String {
    "brainops".to_owned()
}

fn default_partitions() -> u16 {
    8
}

fn default_replication() -> u16 {
    3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(prefix: &str, partitions: u16, replication: u16) -> Result<(), ConfigError> {
        LogConfig { prefix: prefix.to_owned(), partitions, replication }.check()
    }

    #[test]
    fn what_cannot_be_true_names_its_key() {
        for (config, field) in [
            (log("", 8, 1), "log.prefix"),
            (log("a b", 8, 1), "log.prefix"),
            (log("brainops.", 8, 1), "log.prefix"),
            (log("brainops", 0, 1), "log.partitions"),
            (log("brainops", 8, 0), "log.replication"),
        ] {
            let message = config.expect_err(field).to_string();
            assert!(message.starts_with(field), "{message}");
        }
        log("brainops-test", 8, 1).expect("good");
    }

    #[test]
    fn unknown_keys_are_refused() {
        let text = r#"{"bootstrap_servers": "localhost:9092", "sasl_mechanisms": "PLAIN"}"#;
        let error = serde_json::from_str::<KafkaConfig>(text).expect_err("a key too many");
        assert!(error.to_string().contains("sasl_mechanisms"), "{error}");
    }

    #[test]
    fn a_login_needs_a_mechanism() {
        let text = r#"{"bootstrap_servers": "localhost:9092", "security_protocol": "SASL_SSL"}"#;
        let config: KafkaConfig = serde_json::from_str(text).expect("well formed");
        let message = config.check().expect_err("no mechanism").to_string();
        assert!(message.contains("kafka.sasl_mechanism"), "{message}");
    }
}
