//! One service of the host: its deployments, and who is sent requests.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::{Mutex, watch};

use super::manifest::ServiceSpec;
use super::process::{Process, build};
use super::proxy::Serving;
use super::state::Kept;
use super::tree::{NoTree, check_out, commit_of};
use crate::provider::{Deployed, DeploymentState, ProviderError, RolledBack, ServiceStatus, StartRequest};

/// How often a starting deployment is asked whether it is healthy.
const ASK: Duration = Duration::from_millis(100);
/// How long one such question may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// How many deployments are remembered.
const REMEMBERED: usize = 100;

/// A service. Its deployments go on beside whoever asks.
pub(super) struct Service {
    pub(super) spec: ServiceSpec,
    folder: PathBuf,
    serving: watch::Sender<Option<Serving>>,
    inner: Mutex<Inner>,
    client: reqwest::Client,
}

#[derive(Debug, Default)]
struct Inner {
    kept: Kept,
    processes: BTreeMap<String, Process>,
}

/// Why a deployment is none.
struct Failure {
    code: String,
    detail: String,
}

/// Who asks for what there is not is told so at once.
fn refusal(NoTree { code, detail }: NoTree) -> ProviderError {
    match code {
        "bad_revision" | "unknown_commit" => ProviderError::Unknown {
            what: "the revision".to_owned(),
            accepted: "a commit, a branch or a tag of the repository of the service".to_owned(),
        },
        _ => ProviderError::Unavailable(format!("{code}: {detail}").into()),
    }
}

impl From<NoTree> for Failure {
    fn from(NoTree { code, detail }: NoTree) -> Self {
        Self { code: code.to_owned(), detail }
    }
}

impl Service {
    pub(super) fn new(spec: ServiceSpec, folder: PathBuf) -> std::io::Result<Arc<Self>> {
        std::fs::create_dir_all(folder.join("trees"))?;
        std::fs::create_dir_all(folder.join("logs"))?;
        let kept = Kept::read(&folder.join("state.json"))?;
        let inner = Mutex::new(Inner { kept, processes: BTreeMap::new() });
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_LIMIT).build();
        let client = client.map_err(std::io::Error::other)?;
        Ok(Arc::new(Self { spec, folder, serving: watch::Sender::new(None), inner, client }))
    }

    pub(super) fn serving(&self) -> watch::Receiver<Option<Serving>> {
        self.serving.subscribe()
    }

    pub(super) async fn status(&self) -> ServiceStatus {
        let inner = self.inner.lock().await;
        ServiceStatus {
            key: self.spec.key(),
            url: format!("http://{}", self.spec.listen),
            serving: inner.kept.serving.clone(),
            deployments: inner.kept.deployments.clone(),
        }
    }

    /// Begins a deployment. One of this id that was begun before is that one.
    pub(super) async fn start(self: &Arc<Self>, request: &StartRequest) -> Result<Deployed, ProviderError> {
        let is_id = |id: &str| {
            (1..=100).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if !is_id(&request.deployment_id) {
            return Err(ProviderError::Refused(
                "deployment_id: accepted are 1 to 100 letters, digits, dashes and underscores".to_owned(),
            ));
        }
        if let Some(known) = self.inner.lock().await.kept.find(&request.deployment_id) {
            return Ok(known.clone());
        }
        let sha = commit_of(&self.spec.repository, &request.revision).await.map_err(refusal)?;
        let mut inner = self.inner.lock().await;
        if let Some(known) = inner.kept.find(&request.deployment_id) {
            return Ok(known.clone());
        }
        if let Some(other) = inner.kept.deployments.iter().find(|one| one.state == DeploymentState::Starting)
        {
            return Err(ProviderError::Refused(format!("{} is being deployed", other.deployment_id)));
        }
        let (now, is_sha) = (Utc::now(), sha.starts_with(&request.revision));
        let deployed = Deployed {
            deployment_id: request.deployment_id.clone(),
            git_ref: (!is_sha).then(|| request.revision.clone()),
            sha,
            state: DeploymentState::Starting,
            since: now,
            started_at: now,
            healthy_at: None,
            rolled_back: None,
            reason: None,
            cause: request.cause.clone(),
        };
        inner.kept.deployments.insert(0, deployed.clone());
        inner.kept.deployments.truncate(REMEMBERED);
        self.keep(&inner.kept);
        drop(inner);
        tokio::spawn(Arc::clone(self).deploy(deployed.clone()));
        Ok(deployed)
    }

    async fn deploy(self: Arc<Self>, deployed: Deployed) {
        let id = deployed.deployment_id;
        match self.bring_up(&id, &deployed.sha).await {
            Ok(process) => self.serve(&id, process).await,
            Err(Failure { code, detail }) => {
                tracing::warn!(service = %self.spec.key(), deployment = id, reason = code, detail, "a deployment has failed");
                self.change(&id, DeploymentState::Failed, Some(code)).await;
            }
        }
    }

    /// From a commit to a healthy process.
    async fn bring_up(&self, id: &str, sha: &str) -> Result<Process, Failure> {
        let (tree, log) = (self.tree(id), self.log(id));
        check_out(&self.spec.repository, sha, &tree).await?;
        if let Some(words) = &self.spec.build {
            let built = build(&self.spec, words, &tree, &log).await;
            let built =
                built.map_err(|error| Failure { code: "build".to_owned(), detail: error.to_string() })?;
            if !built.success() {
                return Err(Failure { code: "build".to_owned(), detail: built.to_string() });
            }
        }
        self.healthy(id).await
    }

    /// Starts a deployment whose tree is there, and waits until it is healthy.
    async fn healthy(&self, id: &str) -> Result<Process, Failure> {
        let (tree, log) = (self.tree(id), self.log(id));
        let started = Process::start(&self.spec, &tree, &log);
        let mut process =
            started.map_err(|error| Failure { code: "start".to_owned(), detail: error.to_string() })?;
        let (limit, began) = (Duration::from_secs(self.spec.healthy_within_seconds), Instant::now());
        let url = format!("http://127.0.0.1:{}{}", process.port, self.spec.health);
        loop {
            let asked = self.client.get(&url).send();
            let answer = tokio::select! {
                answer = asked => answer,
                ended = process.ended() => {
                    let detail = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                    return Err(Failure { code: "exited".to_owned(), detail });
                }
            };
            let detail = match answer {
                Ok(answer) if answer.status().is_success() => return Ok(process),
                Ok(answer) => format!("it answers {}", answer.status()),
                Err(error) => error.to_string(),
            };
            if began.elapsed() > limit {
                process.stop().await;
                return Err(Failure { code: "health_check".to_owned(), detail });
            }
            tokio::time::sleep(ASK).await;
        }
    }

    /// Sends requests to a healthy deployment; the one that served before is kept, older ones are ended.
    async fn serve(&self, id: &str, process: Process) {
        let mut inner = self.inner.lock().await;
        let before = inner.kept.serving.clone();
        self.serving.send_replace(Some(Serving { deployment_id: id.to_owned(), port: process.port }));
        inner.processes.insert(id.to_owned(), process);
        inner.kept.set(id, DeploymentState::Healthy, None);
        inner.kept.serving = Some(id.to_owned());
        let old: Vec<String> = inner
            .processes
            .keys()
            .filter(|known| *known != id && Some(*known) != before.as_ref())
            .cloned()
            .collect();
        let mut ended = Vec::new();
        for known in old {
            inner.kept.set(&known, DeploymentState::Stopped, None);
            ended.extend(inner.processes.remove(&known).map(|process| (process, self.tree(&known))));
        }
        self.keep(&inner.kept);
        drop(inner);
        for (process, tree) in ended {
            process.stop().await;
            if let Err(error) = tokio::fs::remove_dir_all(&tree).await {
                tracing::warn!(%error, service = %self.spec.key(), "the tree of a deployment that was ended is still there");
            }
        }
    }

    /// Takes requests away from a deployment; see [`crate::Provider::rollback`].
    pub(super) async fn rollback(&self, from: &str) -> Result<Deployed, ProviderError> {
        let mut inner = self.inner.lock().await;
        let Some(place) = inner.kept.deployments.iter().position(|one| one.deployment_id == from) else {
            return Err(inner.unknown(from));
        };
        let serving = inner.kept.serving.clone().unwrap_or_default();
        if serving != from {
            return inner
                .kept
                .find(&serving)
                .cloned()
                .ok_or_else(|| ProviderError::Refused("nothing serves".to_owned()));
        }
        let is_ready = |one: &&Deployed| {
            one.state == DeploymentState::Healthy && inner.processes.contains_key(&one.deployment_id)
        };
        let target = inner.kept.deployments[place + 1..].iter().find(is_ready).cloned();
        let target = target
            .ok_or_else(|| ProviderError::Refused(format!("before {from} there is none that is healthy")))?;
        if let Some(process) = inner.processes.get(&target.deployment_id) {
            let (deployment_id, port) = (target.deployment_id.clone(), process.port);
            self.serving.send_replace(Some(Serving { deployment_id, port }));
        }
        inner.kept.serving = Some(target.deployment_id.clone());
        inner.kept.deployments[place].rolled_back = Some(RolledBack {
            at: Utc::now(),
            restored: target.deployment_id.clone(),
            restored_sha: target.sha.clone(),
        });
        self.keep(&inner.kept);
        Ok(target)
    }

    /// The last lines of a deployment's log.
    pub(super) async fn logs(&self, id: &str, lines: usize) -> Result<Vec<String>, ProviderError> {
        let inner = self.inner.lock().await;
        if inner.kept.find(id).is_none() {
            return Err(inner.unknown(id));
        }
        drop(inner);
        let (path, tree) = (self.log(id), format!("{}/", self.tree(id).display()));
        let read = tokio::task::spawn_blocking(move || last_lines(&path, lines)).await;
        let read = read.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let read = read.map_err(|error| ProviderError::Unavailable(Box::new(error)))?;
        Ok(read.into_iter().map(|line| line.replace(&tree, "")).collect())
    }

    /// Starts again what served and what was kept when the host ended.
    pub(super) async fn restore(self: &Arc<Self>) {
        let kept = self.inner.lock().await.kept.clone();
        for deployed in kept.deployments.iter().rev() {
            let id = &deployed.deployment_id;
            match deployed.state {
                DeploymentState::Starting => {
                    self.change(id, DeploymentState::Failed, Some("host_ended".to_owned())).await
                }
                DeploymentState::Healthy => match self.healthy(id).await {
                    Ok(process) => self.again(id, process, kept.serving.as_ref() == Some(id)).await,
                    Err(Failure { code, .. }) => self.change(id, DeploymentState::Failed, Some(code)).await,
                },
                DeploymentState::Failed | DeploymentState::Stopped => {}
            }
        }
    }

    async fn again(&self, id: &str, process: Process, serves: bool) {
        let mut inner = self.inner.lock().await;
        if serves {
            self.serving.send_replace(Some(Serving { deployment_id: id.to_owned(), port: process.port }));
        }
        inner.processes.insert(id.to_owned(), process);
    }

    /// Ends everything.
    pub(super) async fn stop(&self) {
        let processes = std::mem::take(&mut self.inner.lock().await.processes);
        futures::future::join_all(processes.into_values().map(Process::stop)).await;
    }

    async fn change(&self, id: &str, state: DeploymentState, reason: Option<String>) {
        let mut inner = self.inner.lock().await;
        inner.kept.set(id, state, reason);
        self.keep(&inner.kept);
    }

    fn tree(&self, id: &str) -> PathBuf {
        self.folder.join("trees").join(id)
    }

    fn log(&self, id: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{id}.log"))
    }

    /// What cannot be kept is said; the host goes on, and knows less after its end.
    fn keep(&self, kept: &Kept) {
        if let Err(error) = kept.write(&self.folder.join("state.json")) {
            tracing::error!(%error, service = %self.spec.key(), "what is deployed cannot be kept");
        }
    }
}

impl Inner {
    fn unknown(&self, id: &str) -> ProviderError {
        let known: Vec<&str> = self.kept.deployments.iter().map(|one| one.deployment_id.as_str()).collect();
        ProviderError::Unknown { what: format!("the deployment {id:?}"), accepted: known.join(", ") }
    }
}

impl Kept {
    pub(super) fn find(&self, id: &str) -> Option<&Deployed> {
        self.deployments.iter().find(|one| one.deployment_id == id)
    }

    fn set(&mut self, id: &str, state: DeploymentState, reason: Option<String>) {
        if let Some(deployed) = self.deployments.iter_mut().find(|one| one.deployment_id == id) {
            let now = Utc::now();
            if state == DeploymentState::Healthy {
                deployed.healthy_at = Some(now);
            }
            (deployed.state, deployed.since, deployed.reason) = (state, now, reason);
        }
    }
}

fn last_lines(path: &std::path::Path, lines: usize) -> std::io::Result<Vec<String>> {
    let mut last = std::collections::VecDeque::new();
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()), // it has written nothing
        Err(error) => return Err(error),
    };
    for line in BufReader::new(file).split(b'\n') {
        if last.len() == lines {
            last.pop_front();
        }
        last.push_back(String::from_utf8_lossy(&line?).into_owned());
    }
    Ok(last.into())
}
