//! Services of Render, by its public API (version 1): `GET /v1/services/{id}`, `GET` and `POST /v1/services/{id}/deploys`,
//! `POST /v1/services/{id}/rollback`, `GET /v1/logs`. See <https://api-docs.render.com/reference/introduction>.
//!
//! A rollback is a new deploy of what an older one has built, so what serves afterwards has an id of its own, and takes a moment. Render
//! takes no key of idempotency: a deployment that was asked for twice is two deployments of one commit. Its automatic deploys stay
//! on after a rollback, and the next push deploys again.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use crate::api::{Api, full_commit};
use crate::fleet::unknown_service;
use crate::provider::{
    Deployed, DeploymentState, Provider, ProviderError, RolledBack, ServiceKey, ServiceStatus, StartRequest,
    WayBack,
};

/// Where its API is.
pub const RENDER_URL: &str = "https://api.render.com";
/// How many deployments are looked at.
const LOOKED_AT: &str = "20";
/// How many lines of a log it tells at a time.
const MAX_LINES: usize = 100;

/// Services of Render, by the ids that it gave them. Cheap to clone.
#[derive(Clone)]
pub struct Render {
    api: Api,
    services: BTreeMap<ServiceKey, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    owner_id: String,
    #[serde(default)]
    service_details: Details,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    url: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    deploy: Deploy,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deploy {
    id: String,
    status: String,
    #[serde(default)]
    commit: Option<Commit>,
    #[serde(default)]
    trigger: Option<String>,
    created_at: DateTime<Utc>,
    #[serde(default)]
    finished_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Deserialize)]
struct Commit {
    id: String,
}

#[derive(Deserialize)]
struct Logs {
    logs: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    message: String,
}

impl Deploy {
    /// What it is for us; none for one that has no commit, such as of an image.
    fn deployed(self) -> Option<Deployed> {
        let state = match self.status.as_str() {
            // What was live before is kept, and can be gone back to.
            "live" | "deactivated" => DeploymentState::Healthy,
            "build_failed" | "update_failed" | "pre_deploy_failed" | "canceled" => DeploymentState::Failed,
            _ => DeploymentState::Starting,
        };
        let since = self.finished_at.unwrap_or(self.created_at);
        Some(Deployed {
            deployment_id: self.id,
            sha: self.commit?.id,
            git_ref: None,
            state,
            since,
            started_at: self.created_at,
            healthy_at: (state == DeploymentState::Healthy).then_some(since),
            rolled_back: None,
            reason: (state == DeploymentState::Failed).then_some(self.status),
            cause: None,
        })
    }
}

impl Render {
    /// These services, under a token.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`]: no client can be made.
    pub fn new(
        url: &str,
        token: String,
        services: impl IntoIterator<Item = (ServiceKey, String)>,
    ) -> Result<Self, ProviderError> {
        Ok(Self { api: Api::new(url, token)?, services: services.into_iter().collect() })
    }

    fn id(&self, key: &ServiceKey) -> Result<&str, ProviderError> {
        let id = self.services.get(key).map(String::as_str);
        id.ok_or_else(|| unknown_service(key, self.services.keys()))
    }

    async fn deploys(&self, id: &str) -> Result<Vec<Deploy>, ProviderError> {
        let listed: Vec<Listed> =
            self.api.get(&["v1", "services", id, "deploys"], &[("limit", LOOKED_AT)]).await?;
        Ok(listed.into_iter().map(|listed| listed.deploy).collect())
    }

    async fn service(&self, id: &str) -> Result<Service, ProviderError> {
        self.api.get(&["v1", "services", id], &[]).await
    }
}

/// What all of them come to. The newest come first; one that was triggered as a rollback took the requests from the one that was live
/// before it.
fn status_of(key: &ServiceKey, url: String, deploys: Vec<Deploy>) -> ServiceStatus {
    let serving = deploys.iter().find(|deploy| deploy.status == "live").map(|deploy| deploy.id.clone());
    let rollbacks: Vec<String> = deploys
        .iter()
        .filter(|deploy| deploy.trigger.as_deref() == Some("rollback"))
        .map(|deploy| deploy.id.clone())
        .collect();
    let mut deployments: Vec<Deployed> = deploys.into_iter().filter_map(Deploy::deployed).collect();
    for rollback in rollbacks {
        let Some(place) = deployments.iter().position(|one| one.deployment_id == rollback) else { continue };
        let Some(at) = deployments[place].healthy_at else { continue };
        let rolled_back = RolledBack { at, restored: rollback, restored_sha: deployments[place].sha.clone() };
        let before = deployments.iter_mut().skip(place + 1).find(|one| one.healthy_at.is_some());
        if let Some(before) = before {
            before.rolled_back = Some(rolled_back);
        }
    }
    ServiceStatus { key: key.clone(), url, serving, deployments }
}

#[async_trait]
impl Provider for Render {
    async fn status(&self, service: &ServiceKey) -> Result<ServiceStatus, ProviderError> {
        let id = self.id(service)?;
        let (details, deploys) = tokio::try_join!(self.service(id), self.deploys(id))?;
        Ok(status_of(service, details.service_details.url.unwrap_or_default(), deploys))
    }

    async fn start(&self, service: &ServiceKey, request: &StartRequest) -> Result<Deployed, ProviderError> {
        let (id, commit) = (self.id(service)?, full_commit(&request.revision)?);
        let deploy: Deploy =
            self.api.post(&["v1", "services", id, "deploys"], &[], &json!({"commitId": commit})).await?;
        let deploy = Deploy { commit: Some(Commit { id: commit.to_owned() }), ..deploy };
        deploy.deployed().ok_or_else(|| ProviderError::Refused("the deploy has no commit".to_owned()))
    }

    async fn rollback(&self, service: &ServiceKey, from: &str) -> Result<Deployed, ProviderError> {
        let id = self.id(service)?;
        let status = status_of(service, String::new(), self.deploys(id).await?);
        let target = match status.way_back(from)? {
            WayBack::Over(serving) => return Ok(serving),
            WayBack::To(target) => target,
        };
        let body = json!({"deployId": target.deployment_id});
        let deploy: Deploy = self.api.post(&["v1", "services", id, "rollback"], &[], &body).await?;
        let deploy = Deploy { commit: Some(Commit { id: target.sha }), ..deploy };
        deploy.deployed().ok_or_else(|| ProviderError::Refused("the deploy has no commit".to_owned()))
    }

    async fn logs(
        &self,
        service: &ServiceKey,
        deployment: &str,
        lines: usize,
    ) -> Result<Vec<String>, ProviderError> {
        let id = self.id(service)?;
        let (details, deploys) = tokio::try_join!(self.service(id), self.deploys(id))?;
        let Some(deploy) = deploys.iter().find(|deploy| deploy.id == deployment) else {
            let accepted = deploys.iter().map(|deploy| deploy.id.as_str()).collect::<Vec<_>>().join(", ");
            return Err(ProviderError::Unknown { what: format!("the deployment {deployment:?}"), accepted });
        };
        let (since, limit) = (deploy.created_at.to_rfc3339(), lines.clamp(1, MAX_LINES).to_string());
        let query = [
            ("ownerId", details.owner_id.as_str()),
            ("resource", id),
            ("direction", "backward"),
            ("startTime", since.as_str()),
            ("limit", limit.as_str()),
        ];
        let Logs { logs } = self.api.get(&["v1", "logs"], &query).await?;
        Ok(logs.into_iter().rev().map(|line| line.message).collect())
    }
}
