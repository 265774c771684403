//! What all providers do.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A service in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceKey {
    /// Its name.
    pub service: String,
    /// Where it runs, such as `production`.
    pub environment: String,
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.service, self.environment)
    }
}

/// Where a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// It is fetched, built, or started and not yet healthy.
    Starting,
    /// It is healthy; whether it is sent requests is another thing.
    Healthy,
    /// It never became healthy, or is healthy no more.
    Failed,
    /// It was ended, since newer ones took its place.
    Stopped,
}

/// A deployment of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// Its id: that of who asked for it, where the provider takes one.
    pub deployment_id: String,
    /// Full id of the commit; empty until it is known.
    pub sha: String,
    /// Where it is.
    pub state: DeploymentState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Why it failed, in a word such as `health_check`.
    pub reason: Option<String>,
}

/// How a service stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Which.
    #[serde(flatten)]
    pub key: ServiceKey,
    /// Where its requests are taken.
    pub url: String,
    /// The deployment that is sent requests.
    pub serving: Option<String>,
    /// Its deployments, the newest first.
    pub deployments: Vec<Deployed>,
}

/// What is to be deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// Id of the deployment: asked for again, it is the same deployment.
    pub deployment_id: String,
    /// Commit, branch or tag.
    pub revision: String,
}

/// A provider does not do it.
#[derive(Debug, Error)]
pub enum ProviderError {
    /// It knows no such service, deployment or commit.
    #[error("{what} is unknown, accepted are {accepted}")]
    Unknown {
        /// What is not known.
        what: String,
        /// What is.
        accepted: String,
    },
    /// It refuses: what was asked for cannot be done as things stand.
    #[error("{0}")]
    Refused(String),
    /// It does not answer, or not as it should: nobody knows whether it was done. The same request again is the same.
    #[error("the provider does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A provider.
#[async_trait]
pub trait Provider: Send + Sync {
    /// How a service stands.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn status(&self, service: &ServiceKey) -> Result<ServiceStatus, ProviderError>;

    /// Begins to deploy, and answers at once; [`Provider::status`] says how it goes.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn start(&self, service: &ServiceKey, request: &StartRequest) -> Result<Deployed, ProviderError>;

    /// Takes requests away from a deployment, and sends them to the last one before it that is healthy. Where another one serves
    /// already, nothing is done: so the same again is the same. Answers with the one that serves.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn rollback(&self, service: &ServiceKey, from: &str) -> Result<Deployed, ProviderError>;

    /// The last lines that a deployment has written.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn logs(
        &self,
        service: &ServiceKey,
        deployment: &str,
        lines: usize,
    ) -> Result<Vec<String>, ProviderError>;
}
