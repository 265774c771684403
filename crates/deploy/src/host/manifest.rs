//! Which services there are.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::provider::ServiceKey;

/// The manifest, in TOML: `[[service]]` for each.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The services.
    #[serde(default)]
    pub service: Vec<ServiceSpec>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// Its name, of a-z, 0-9 and dashes.
    pub name: String,
    /// Where it runs. Default: `local`.
    #[serde(default = "local")]
    pub environment: String,
    /// Its Git repository, from the folder of the manifest.
    pub repository: PathBuf,
    /// Where its requests are taken: an address of this machine alone.
    pub listen: SocketAddr,
    /// What builds it, in its tree. Default: nothing.
    pub build: Option<Vec<String>>,
    /// What starts it, in its tree; it listens on 127.0.0.1 at the port that the variable `PORT` says.
    pub start: Vec<String>,
    /// The path that answers with 2xx when it is healthy.
    pub health: String,
    /// How many seconds it may take to be healthy. Default: 30.
    #[serde(default = "half_a_minute")]
    pub healthy_within_seconds: u64,
    /// Variables of its environment. Default: none beside `PATH` and `PORT`.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

/// A manifest cannot be used.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no such TOML.
    #[error("the manifest is none")]
    Syntax(#[from] toml::de::Error),
    /// A field says what cannot be.
    #[error("service {service}: {field} is {found}, accepted is {accepted}")]
    Field {
        /// Which service.
        service: String,
        /// Which field.
        field: &'static str,
        /// What it says.
        found: String,
        /// What it may say.
        accepted: &'static str,
    },
}

fn local() -> String {
    "local".to_owned()
}

const fn half_a_minute() -> u64 {
    30
}

impl Manifest {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| ManifestError::Read { path: path.to_owned(), source })?;
        let mut manifest: Self = toml::from_str(&text)?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        for service in &mut manifest.service {
            service.repository = folder.join(&service.repository);
        }
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        for (place, service) in self.service.iter().enumerate() {
            service.check()?;
            if self.service[..place].iter().any(|other| other.key() == service.key()) {
                return Err(service.wrong(
                    "name",
                    service.key().to_string(),
                    "one that no other service has",
                ));
            }
        }
        Ok(())
    }
}

impl ServiceSpec {
    /// Its name and where it runs.
    #[must_use]
    pub fn key(&self) -> ServiceKey {
        ServiceKey { service: self.name.clone(), environment: self.environment.clone() }
    }

    fn check(&self) -> Result<(), ManifestError> {
        let is_name = |text: &str| {
            (1..=60).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        if !is_name(&self.name) {
            return Err(self.wrong("name", format!("{:?}", self.name), "1 to 60 of a-z, 0-9 and dashes"));
        }
        if !is_name(&self.environment) {
            return Err(self.wrong(
                "environment",
                format!("{:?}", self.environment),
                "1 to 60 of a-z, 0-9 and dashes",
            ));
        }
        if !self.listen.ip().is_loopback() {
            return Err(self.wrong(
                "listen",
                self.listen.to_string(),
                "an address of this machine alone, such as 127.0.0.1:9000",
            ));
        }
        if self.start.is_empty() || self.build.as_ref().is_some_and(Vec::is_empty) {
            return Err(self.wrong("start or build", "empty".to_owned(), "a program and its arguments"));
        }
        if !self.health.starts_with('/') {
            return Err(self.wrong(
                "health",
                format!("{:?}", self.health),
                "a path that begins with a slash",
            ));
        }
        if !(1..=3_600).contains(&self.healthy_within_seconds) {
            return Err(self.wrong(
                "healthy_within_seconds",
                self.healthy_within_seconds.to_string(),
                "1 to 3600",
            ));
        }
        Ok(())
    }

    fn wrong(&self, field: &'static str, found: String, accepted: &'static str) -> ManifestError {
        ManifestError::Field { service: self.name.clone(), field, found, accepted }
    }
}
