//! A `deployment_status` says that a deployment began, serves, or failed.
//!
//! The service is the repository's name, or `deployment.payload.service`; the repository is
//! `deployment.payload.repository`, else the name that the configuration gives it, else unknown.
use brainops_event::types::deployment::{DeploymentFailed, DeploymentStarted, DeploymentSucceeded};
use brainops_event::{Outgoing, Timestamp};

use super::super::delivery::{About, Delivery};
use super::{Repositories, commit_id, named};
use crate::object::Object;
use crate::problem::FieldProblem;

/// The longest name of a service, an environment, a ref or a repository, bytes.
const MAX_NAME_BYTES: usize = 200;
/// The longest address, bytes.
const MAX_URL_BYTES: usize = 2_048;

/// What GitHub's many states come down to.
enum Turn {
    Started,
    Succeeded,
    Failed { reason_code: &'static str },
}

impl Turn {
    /// `waiting` has not begun, and `inactive` says that another deployment serves: neither is an event.
    fn of(state: &str) -> Option<Self> {
        match state {
            "pending" | "queued" | "in_progress" => Some(Self::Started),
            "success" => Some(Self::Succeeded),
            "failure" => Some(Self::Failed { reason_code: "failure" }),
            "error" => Some(Self::Failed { reason_code: "error" }),
            _ => None,
        }
    }
}

/// What all three events say.
struct Deployment {
    service: String,
    environment: String,
    deployment_id: String,
    repository: Option<String>,
    sha: String,
    git_ref: Option<String>,
    url: Option<String>,
    at: Timestamp,
}

pub fn fact(
    delivery: &Delivery,
    root: &Object<'_>,
    repositories: &Repositories,
) -> Result<Option<Outgoing>, FieldProblem> {
    let status = root.object("deployment_status")?;
    let state = status.text("state")?;
    let deployment = Deployment::read(root, &status, repositories)?;
    if root.text("action")? != "created" {
        return Ok(None);
    }
    Turn::of(state).map(|turn| deployment.say(&turn, delivery)).transpose()
}

impl Deployment {
    fn read(
        root: &Object<'_>,
        status: &Object<'_>,
        repositories: &Repositories,
    ) -> Result<Self, FieldProblem> {
        let deployment = root.object("deployment")?;
        let service = match from_payload(&deployment, "service")? {
            Some(service) => service,
            None => segment(&root.object("repository")?, "name")?.to_owned(),
        };
        let repository = match from_payload(&deployment, "repository")? {
            Some(repository) => Some(repository),
            None => named(root, repositories)?.map(str::to_owned),
        };
        let environment = if status.has("environment") { status } else { &deployment };
        Ok(Self {
            service,
            environment: bounded(environment, "environment")?.to_owned(),
            deployment_id: deployment.number("id")?.to_string(),
            repository,
            sha: commit_id(&deployment, "sha")?.to_owned(),
            git_ref: git_ref(&deployment)?,
            url: url(status)?,
            at: status.moment(if status.has("created_at") { "created_at" } else { "updated_at" })?,
        })
    }

    fn say(self, turn: &Turn, delivery: &Delivery) -> Result<Outgoing, FieldProblem> {
        let about = About {
            subject: format!("{}/{}", self.service, self.environment),
            time: Some(self.at),
            id_parts: &[delivery.id.as_str(), "deployment"],
            field: "deployment_status.environment".to_owned(),
        };
        let Self { service, environment, deployment_id, repository, sha, git_ref, url, at: _ } = self;
        match turn {
            Turn::Started => {
                let fact =
                    DeploymentStarted { service, environment, deployment_id, repository, sha, git_ref, url };
                delivery.fact(about, &fact)
            }
            Turn::Succeeded => {
                let fact = DeploymentSucceeded {
                    service,
                    environment,
                    deployment_id,
                    repository,
                    sha,
                    git_ref,
                    url,
                };
                delivery.fact(about, &fact)
            }
            Turn::Failed { reason_code } => {
                let reason_code = Some((*reason_code).to_owned());
                #[rustfmt::skip]
                let fact = DeploymentFailed { service, environment, deployment_id, repository, sha, git_ref, url, reason_code };
                delivery.fact(about, &fact)
            }
        }
    }
}

/// A name from the free payload; what is not text was not meant for us.
fn from_payload(deployment: &Object<'_>, name: &str) -> Result<Option<String>, FieldProblem> {
    let Some(payload) = deployment.object_if_any("payload") else { return Ok(None) };
    match payload.optional_text(name) {
        Ok(Some(_)) => segment(&payload, name).map(|text| Some(text.to_owned())),
        _ => Ok(None),
    }
}

/// A name that becomes the first part of a subject, and so has no slash.
fn segment<'a>(object: &Object<'a>, name: &str) -> Result<&'a str, FieldProblem> {
    let text = bounded(object, name)?;
    if text.contains('/') {
        Err(object.wrong(name, "a name without a slash", "text with a slash"))
    } else {
        Ok(text)
    }
}

fn bounded<'a>(object: &Object<'a>, name: &str) -> Result<&'a str, FieldProblem> {
    let text = object.text(name)?;
    if text.len() <= MAX_NAME_BYTES && !text.chars().any(char::is_control) {
        return Ok(text);
    }
    Err(object.wrong(
        name,
        format!("at most {MAX_NAME_BYTES} bytes without control characters"),
        "other text",
    ))
}

/// The branch or tag that was asked for; GitHub repeats the commit id here when it was neither.
fn git_ref(deployment: &Object<'_>) -> Result<Option<String>, FieldProblem> {
    if deployment.optional_text("ref")?.is_none() || deployment.text("ref")? == deployment.text("sha")? {
        return Ok(None);
    }
    let text = bounded(deployment, "ref")?;
    let short = text.strip_prefix("refs/heads/").or_else(|| text.strip_prefix("refs/tags/")).unwrap_or(text);
    Ok(Some(short.to_owned()))
}

/// Where GitHub shows the deployment: an address that a browser can follow without running anything.
fn url(status: &Object<'_>) -> Result<Option<String>, FieldProblem> {
    let Some(text) = status.optional_text("target_url")? else { return Ok(None) };
    let follows = text.starts_with("https://") || text.starts_with("http://");
    if follows && text.len() <= MAX_URL_BYTES && !text.chars().any(char::is_control) {
        return Ok(Some(text.to_owned()));
    }
    Err(status.wrong(
        "target_url",
        format!("an http or https address of at most {MAX_URL_BYTES} bytes"),
        "other text",
    ))
}
