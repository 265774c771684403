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
    /// It was found healthy, and can be sent requests; whether it is, is another thing.
    Healthy,
    /// It never became healthy, or is healthy no more.
    Failed,
    /// It was ended, since newer ones took its place.
    Stopped,
}

/// What a deployment follows from. The provider keeps it and tells it back, and understands nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// Id of the event that asked for it.
    pub causation_id: String,
    /// The flow that it belongs to.
    pub correlation_id: Option<String>,
}

/// That requests were taken away from a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledBack {
    /// When.
    pub at: DateTime<Utc>,
    /// The deployment that was sent them from then on.
    pub restored: String,
    /// Its commit.
    pub restored_sha: String,
}

/// A deployment of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// Its id: that of who asked for it, where the provider takes one.
    pub deployment_id: String,
    /// Full id of the commit.
    pub sha: String,
    /// Branch or tag that was asked for; none where it was a commit.
    pub git_ref: Option<String>,
    /// Where it is.
    pub state: DeploymentState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it was begun.
    pub started_at: DateTime<Utc>,
    /// When it became healthy.
    pub healthy_at: Option<DateTime<Utc>>,
    /// That it was rolled back.
    pub rolled_back: Option<RolledBack>,
    /// Why it failed, in a word such as `health_check`.
    pub reason: Option<String>,
    /// What it follows from, where the provider keeps that.
    pub cause: Option<Cause>,
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

/// Where a rollback leads.
pub(crate) enum WayBack {
    /// Nowhere: this one serves already.
    Over(Deployed),
    /// To the last healthy one before.
    To(Deployed),
}

impl ServiceStatus {
    /// Where a rollback from a deployment leads.
    ///
    /// # Errors
    /// The deployment is unknown, or there is nothing to go back to.
    pub(crate) fn way_back(&self, from: &str) -> Result<WayBack, ProviderError> {
        let Some(place) = self.deployments.iter().position(|one| one.deployment_id == from) else {
            let known: Vec<&str> = self.deployments.iter().map(|one| one.deployment_id.as_str()).collect();
            return Err(ProviderError::Unknown {
                what: format!("the deployment {from:?}"),
                accepted: known.join(", "),
            });
        };
        if self.serving.as_deref() != Some(from) {
            let serving =
                self.deployments.iter().find(|one| Some(&one.deployment_id) == self.serving.as_ref());
            let serving = serving.cloned();
            return serving
                .map(WayBack::Over)
                .ok_or_else(|| ProviderError::Refused("nothing serves".to_owned()));
        }
        let before = self.deployments.iter().skip(place + 1);
        let mut healthy =
            before.filter(|one| one.state == DeploymentState::Healthy && one.rolled_back.is_none());
        let target = healthy.next().cloned();
        target
            .map(WayBack::To)
            .ok_or_else(|| ProviderError::Refused(format!("before {from} there is none that is healthy")))
    }
}

/// What is to be deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// Id of the deployment: asked for again, it is the same deployment.
    pub deployment_id: String,
    /// Commit, branch or tag.
    pub revision: String,
    /// What it follows from.
    #[serde(default)]
    pub cause: Option<Cause>,
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

    /// The last lines that a deployment has written. Files of the service are named as its repository has them.
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
