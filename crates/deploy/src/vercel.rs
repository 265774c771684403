//! Projects of Vercel, by its public API: `GET /v9/projects/{id}`, `GET /v6/deployments`, `POST /v13/deployments`,
//! `POST /v1/projects/{id}/rollback/{deployment}`, `GET /v3/deployments/{id}/events`. See <https://vercel.com/docs/rest-api>.
//!
//! Which deployment serves is what the production domains of the project lead to; a rollback points them to an older one, which takes
//! a moment. Vercel takes no key of idempotency: a deployment that was asked for twice is two deployments of one commit.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Api, full_commit};
use crate::fleet::unknown_service;
use crate::provider::{
    Deployed, DeploymentState, Provider, ProviderError, RolledBack, ServiceKey, ServiceStatus, StartRequest,
    WayBack,
};

/// Where its API is.
pub const VERCEL_URL: &str = "https://api.vercel.com";
/// How many deployments are looked at.
const LOOKED_AT: &str = "20";

/// Projects of Vercel, by the ids that it gave them. Cheap to clone.
#[derive(Clone)]
pub struct Vercel {
    api: Api,
    team: Option<String>,
    projects: BTreeMap<ServiceKey, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Project {
    name: String,
    #[serde(default)]
    targets: BTreeMap<String, Target>,
    #[serde(default)]
    link: Option<Link>,
    #[serde(default)]
    last_alias_request: Option<AliasRequest>,
}

#[derive(Deserialize)]
struct Target {
    id: String,
    #[serde(default)]
    alias: Vec<String>,
}

/// The repository of a project.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    r#type: String,
    repo_id: Value,
    production_branch: String,
}

/// The last time that production was pointed elsewhere.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AliasRequest {
    from_deployment_id: Option<String>,
    to_deployment_id: String,
    r#type: String,
    requested_at: i64,
}

#[derive(Deserialize)]
struct Listed {
    deployments: Vec<Deployment>,
}

/// A deployment. Lists and single answers call some fields otherwise, and some have both.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Deployment {
    uid: Option<String>,
    id: Option<String>,
    state: Option<String>,
    ready_state: Option<String>,
    created: Option<i64>,
    created_at: Option<i64>,
    ready: Option<i64>,
    meta: Meta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    github_commit_sha: Option<String>,
    gitlab_commit_sha: Option<String>,
    bitbucket_commit_sha: Option<String>,
    github_commit_ref: Option<String>,
    gitlab_commit_ref: Option<String>,
    bitbucket_commit_ref: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    payload: Option<Payload>,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    text: Option<String>,
}

fn moment(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

impl Deployment {
    /// What it is for us; none for one that was not made from a commit, or of which too little is told.
    fn deployed(self) -> Option<Deployed> {
        let told = self.ready_state.or(self.state)?;
        let state = match told.as_str() {
            "READY" => DeploymentState::Healthy,
            "ERROR" | "CANCELED" | "DELETED" => DeploymentState::Failed,
            _ => DeploymentState::Starting,
        };
        let Meta { github_commit_sha, gitlab_commit_sha, bitbucket_commit_sha, .. } = self.meta;
        let Meta { github_commit_ref, gitlab_commit_ref, bitbucket_commit_ref, .. } = self.meta;
        let created = self.created_at.or(self.created)?;
        let since = moment(self.ready.unwrap_or(created));
        Some(Deployed {
            deployment_id: self.uid.or(self.id)?,
            sha: github_commit_sha.or(gitlab_commit_sha).or(bitbucket_commit_sha)?,
            git_ref: github_commit_ref.or(gitlab_commit_ref).or(bitbucket_commit_ref),
            state,
            since,
            started_at: moment(created),
            healthy_at: (state == DeploymentState::Healthy).then_some(since),
            rolled_back: None,
            reason: (state == DeploymentState::Failed).then(|| told.to_ascii_lowercase()),
            cause: None,
        })
    }
}

impl Vercel {
    /// These projects, under a token and, if they belong to one, of a team.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`]: no client can be made.
    pub fn new(
        url: &str,
        (token, team): (String, Option<String>),
        projects: impl IntoIterator<Item = (ServiceKey, String)>,
    ) -> Result<Self, ProviderError> {
        Ok(Self { api: Api::new(url, token)?, team, projects: projects.into_iter().collect() })
    }

    fn id(&self, key: &ServiceKey) -> Result<&str, ProviderError> {
        let id = self.projects.get(key).map(String::as_str);
        id.ok_or_else(|| unknown_service(key, self.projects.keys()))
    }

    /// A query, with the team.
    fn query<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let team = self.team.as_deref().map(|team| ("teamId", team));
        more.iter().copied().chain(team).collect()
    }

    async fn project(&self, id: &str) -> Result<Project, ProviderError> {
        self.api.get(&["v9", "projects", id], &self.query(&[])).await
    }

    async fn deployments(&self, id: &str) -> Result<Vec<Deployment>, ProviderError> {
        let query = self.query(&[("projectId", id), ("target", "production"), ("limit", LOOKED_AT)]);
        let Listed { deployments } = self.api.get(&["v6", "deployments"], &query).await?;
        Ok(deployments)
    }
}

fn status_of(key: &ServiceKey, project: &Project, deployments: Vec<Deployment>) -> ServiceStatus {
    let production = project.targets.get("production");
    let mut deployments: Vec<Deployed> = deployments.into_iter().filter_map(Deployment::deployed).collect();
    let rollback = project.last_alias_request.as_ref().filter(|request| request.r#type == "rollback");
    if let Some(request) = rollback {
        let restored = deployments.iter().find(|one| one.deployment_id == request.to_deployment_id);
        let restored_sha = restored.map(|one| one.sha.clone()).unwrap_or_default();
        let from = deployments
            .iter_mut()
            .find(|one| Some(&one.deployment_id) == request.from_deployment_id.as_ref());
        if let Some(from) = from.filter(|_| !restored_sha.is_empty()) {
            let restored = request.to_deployment_id.clone();
            from.rolled_back = Some(RolledBack { at: moment(request.requested_at), restored, restored_sha });
        }
    }
    let alias = production.and_then(|production| production.alias.first());
    ServiceStatus {
        key: key.clone(),
        url: alias.map(|alias| format!("https://{alias}")).unwrap_or_default(),
        serving: production.map(|production| production.id.clone()),
        deployments,
    }
}

#[async_trait]
impl Provider for Vercel {
    async fn status(&self, service: &ServiceKey) -> Result<ServiceStatus, ProviderError> {
        let id = self.id(service)?;
        let (project, deployments) = tokio::try_join!(self.project(id), self.deployments(id))?;
        Ok(status_of(service, &project, deployments))
    }

    async fn start(&self, service: &ServiceKey, request: &StartRequest) -> Result<Deployed, ProviderError> {
        let (id, commit) = (self.id(service)?, full_commit(&request.revision)?);
        let project = self.project(id).await?;
        let Some(Link { r#type, repo_id, production_branch }) = project.link else {
            return Err(ProviderError::Refused("the project is linked to no repository".to_owned()));
        };
        let source = json!({"type": r#type, "repoId": repo_id, "ref": production_branch, "sha": commit});
        let body = json!({"name": project.name, "project": id, "target": "production", "gitSource": source});
        let begun: Deployment = self.api.post(&["v13", "deployments"], &self.query(&[]), &body).await?;
        let meta = Meta { github_commit_sha: Some(commit.to_owned()), ..Meta::default() };
        let deployed = Deployment { meta, ..begun }.deployed();
        deployed.ok_or_else(|| ProviderError::Refused("the deployment has no commit".to_owned()))
    }

    async fn rollback(&self, service: &ServiceKey, from: &str) -> Result<Deployed, ProviderError> {
        let id = self.id(service)?;
        let status = self.status(service).await?;
        let target = match status.way_back(from)? {
            WayBack::Over(serving) => return Ok(serving),
            WayBack::To(target) => target,
        };
        let path = ["v1", "projects", id, "rollback", &target.deployment_id];
        let _: Value = self.api.post(&path, &self.query(&[]), &json!({})).await?;
        Ok(target)
    }

    async fn logs(
        &self,
        service: &ServiceKey,
        deployment: &str,
        lines: usize,
    ) -> Result<Vec<String>, ProviderError> {
        self.id(service)?;
        let limit = lines.max(1).to_string();
        let query = self.query(&[("direction", "backward"), ("limit", limit.as_str())]);
        let events: Vec<Event> = self.api.get(&["v3", "deployments", deployment, "events"], &query).await?;
        let texts = events.into_iter().filter_map(|event| event.text.or_else(|| event.payload?.text));
        let mut lines: Vec<String> = texts.collect();
        lines.reverse();
        Ok(lines)
    }
}
