//! A router on a log and keys in memory, and what tests say to it.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use brainops_event::types::privacy::Sealed;
use brainops_event::{DataKey, InstallationKey, KeyError, KeyId, KeyStore, Outgoing, Position, TypedEvent};
use brainops_event::{Timestamp, decode_datum};
use brainops_projection::ListedMoment;
use brainops_task::{Claim, Claimed, Decider, Failed, Kind, Lease, Outcome, TaskError, TaskName, Worker};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;
use zeroize::Zeroizing;

use crate::append::{Acknowledged, Append, AppendFailure};
use crate::config::ServerConfig;
use crate::doors::{Doors, Secrets, ServerParts};
use crate::health::{NotReady, Probe};
use crate::moments::{AskedMoment, MomentRefusal, Moments};
use crate::routes::router;
use crate::secret::Secret;
use crate::tasks::TaskDesk;

pub const TOKEN: &str = "token-of-the-operator";
pub const GITHUB_SECRET: &str = "It's a Secret to Everybody";

/// A log in memory, which can be told to fail.
#[derive(Default)]
pub struct MemoryLog {
    pub events: Mutex<Vec<Outgoing>>,
    /// What happens to the event at this place of each call.
    pub failures: Mutex<HashMap<usize, AppendFailure>>,
    /// The most bytes of data that a record may have.
    pub limit: Mutex<Option<usize>>,
}

#[async_trait]
impl Append for MemoryLog {
    fn check(&self, event: &Outgoing) -> Result<(), AppendFailure> {
        match *self.limit.lock().unwrap() {
            Some(limit) if event.datum.len() > limit => {
                Err(AppendFailure::TooLarge { found: event.datum.len(), limit })
            }
            _ => Ok(()),
        }
    }

    async fn append_all(&self, events: Vec<Outgoing>) -> Vec<Result<Acknowledged, AppendFailure>> {
        let failures = self.failures.lock().unwrap();
        let mut log = self.events.lock().unwrap();
        let mut append = |(place, event): (usize, Outgoing)| {
            if let Some(failure) = failures.get(&place) {
                return Err(failure.clone());
            }
            let position = position(&format!("test.{}/0@{}", event.topic(), log.len()));
            log.push(event);
            Ok(Acknowledged { position, recorded_at: Timestamp::UNIX_EPOCH, repeated: false })
        };
        events.into_iter().enumerate().map(&mut append).collect()
    }
}

/// A place in the log, from its text.
pub fn position(text: &str) -> Position {
    text.parse().unwrap()
}

/// Keys in memory.
pub struct MemoryKeys {
    installation: InstallationKey,
    keys: Mutex<HashMap<KeyId, Option<DataKey>>>,
}

impl MemoryKeys {
    pub fn new() -> Self {
        let installation = InstallationKey::new(Zeroizing::new([7; 32]));
        Self { installation, keys: Mutex::default() }
    }

    /// The id of a subject's key.
    pub fn id(&self, subject: &str) -> KeyId {
        self.installation.key_id(subject)
    }

    /// Opens what was sealed for a subject.
    pub fn open(&self, subject: &str, kind: &str, sealed: &Sealed) -> String {
        sealed.open(&self.keys_for(&[subject]).unwrap()[0], kind).unwrap()
    }
}

impl KeyStore for MemoryKeys {
    fn keys_for(&self, subjects: &[&str]) -> Result<Vec<DataKey>, KeyError> {
        let mut keys = self.keys.lock().unwrap();
        let mut key_of = |subject: &&str| {
            let id = self.installation.key_id(subject);
            let fresh = u8::try_from(keys.len()).unwrap();
            let key = keys.entry(id.clone());
            let key = key.or_insert_with(|| Some(DataKey::new(id.clone(), Zeroizing::new([fresh; 32]))));
            key.clone().ok_or(KeyError::Destroyed(id))
        };
        subjects.iter().map(&mut key_of).collect()
    }

    fn key(&self, id: &KeyId) -> Result<DataKey, KeyError> {
        self.keys.lock().unwrap().get(id).cloned().flatten().ok_or_else(|| KeyError::Unknown(id.clone()))
    }

    fn pseudonym(&self, purpose: &str, text: &str) -> String {
        self.installation.pseudonym(purpose, text)
    }

    fn destroy(&self, id: &KeyId) -> Result<bool, KeyError> {
        Ok(self.keys.lock().unwrap().insert(id.clone(), None).is_none_or(|key| key.is_some()))
    }
}

/// A part that is always there.
struct Present;

#[async_trait]
impl Probe for Present {
    fn name(&self) -> &'static str {
        "kafka"
    }

    async fn check(&self) -> Result<(), NotReady> {
        Ok(())
    }
}

/// Past moments that stand ready in memory.
#[derive(Default)]
pub struct MemoryMoments {
    /// What was asked.
    pub asked: Mutex<Vec<AskedMoment>>,
    /// What is answered; nothing: Kafka is away.
    pub answer: Mutex<Option<Result<ListedMoment, MomentRefusal>>>,
}

#[async_trait]
impl Moments for MemoryMoments {
    async fn ask(&self, asked: AskedMoment) -> Result<ListedMoment, MomentRefusal> {
        self.asked.lock().unwrap().push(asked);
        self.answer.lock().unwrap().clone().unwrap_or(Err(MomentRefusal::Unavailable))
    }
}

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    /// Asserts that this is a problem of this status; gives its document.
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let document = self.json();
        assert_eq!(document["status"], status);
        for member in ["type", "title", "detail"] {
            assert!(document[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {document}");
        }
        document
    }

    /// Asserts that this is a problem of this status about one field; gives the rest of it.
    pub fn wrong_field(&self, status: u16, field: &str) -> Value {
        let document = self.problem(status);
        assert_eq!(document["errors"][0]["field"], field, "{document}");
        for member in ["expected", "found"] {
            assert!(!document["errors"][0][member].as_str().unwrap().is_empty(), "{document}");
        }
        document
    }
}

/// The doors, and what is behind them.
pub struct House {
    pub log: Arc<MemoryLog>,
    pub keys: Arc<MemoryKeys>,
    pub moments: Arc<MemoryMoments>,
    doors: Arc<Doors>,
}

impl House {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let mut config = ServerConfig::default();
        change(&mut config);
        let (log, keys) = (Arc::new(MemoryLog::default()), Arc::new(MemoryKeys::new()));
        let moments = Arc::new(MemoryMoments::default());
        let parts = ServerParts { moments: moments.clone(), ..parts(log.clone(), keys.clone()) };
        let doors = Doors::new(config, parts);
        Self { log, keys, moments, doors }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = router(self.doors.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(with_token(Request::get(path)).body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        let request = with_token(Request::post(path)).header("content-type", content_type);
        self.send(request.body(body.into()).unwrap()).await
    }

    /// As if as many requests were being worked on as can be.
    pub async fn take_all_places(&self) -> tokio::sync::SemaphorePermit<'_> {
        let all = u32::try_from(self.doors.places.available_permits()).unwrap();
        self.doors.places.acquire_many(all).await.unwrap()
    }

    pub fn events(&self) -> MutexGuard<'_, Vec<Outgoing>> {
        self.log.events.lock().unwrap()
    }

    /// Everything that was appended, as bytes, to search for what must not be there.
    pub fn everything(&self) -> String {
        self.events()
            .iter()
            .map(|event| format!("{event:?} {}", String::from_utf8_lossy(&event.datum)))
            .collect()
    }
}

pub fn with_token(builder: axum::http::request::Builder) -> axum::http::request::Builder {
    builder.header("authorization", format!("Bearer {TOKEN}"))
}

/// The data of an event.
pub fn data<Fact: TypedEvent>(event: &Outgoing) -> Fact {
    assert_eq!(event.schema.name.as_str(), Fact::SCHEMA);
    decode_datum(&event.schema.fast, &event.datum).unwrap()
}

/// Nobody runs agents here.
struct NoAgents;

#[async_trait::async_trait]
impl crate::StopSwitch for NoAgents {
    async fn throw(
        &self,
        agent: Option<&str>,
        _: bool,
        _: &brainops_saga::Decider,
    ) -> Result<i64, brainops_saga::SwitchError> {
        let agent = agent.unwrap_or("*").to_owned();
        Err(brainops_saga::SwitchError::Unknown { agent, known: String::new() })
    }
}

/// Nobody has tasks here.
struct NoTasks;

impl NoTasks {
    fn unknown<T>(name: &TaskName) -> Result<T, TaskError> {
        Err(TaskError::Unknown { task: name.clone() })
    }
}

#[async_trait]
impl TaskDesk for NoTasks {
    async fn claim(&self, _: &[Kind], _: &Worker, _: Lease) -> Result<Option<Claimed>, TaskError> {
        Ok(None)
    }

    async fn renew(&self, claim: &Claim, _: Lease) -> Result<Timestamp, TaskError> {
        Self::unknown(&claim.task)
    }

    async fn release(&self, claim: &Claim, _: Option<Timestamp>) -> Result<(), TaskError> {
        Self::unknown(&claim.task)
    }

    async fn complete(&self, claim: &Claim, _: &Outcome) -> Result<(), TaskError> {
        Self::unknown(&claim.task)
    }

    async fn fail(&self, claim: &Claim, _: &str, _: Option<Duration>) -> Result<Failed, TaskError> {
        Self::unknown(&claim.task)
    }

    async fn cancel(&self, name: &TaskName, _: &Decider) -> Result<(), TaskError> {
        Self::unknown(name)
    }
}

/// What doors stand on, all of it in memory.
pub fn parts(log: Arc<MemoryLog>, keys: Arc<MemoryKeys>) -> ServerParts {
    // Nobody listens there: what needs Postgres says so.
    let nowhere = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(1);
    let pool = PgPoolOptions::new().acquire_timeout(Duration::from_millis(100)).connect_lazy_with(nowhere);
    let secret = |text: &str| Secret::new(text.to_owned()).unwrap();
    ServerParts {
        pool,
        appender: log,
        agents: Arc::new(NoAgents),
        tasks: Arc::new(NoTasks),
        moments: Arc::new(MemoryMoments::default()),
        keys: keys.clone(),
        sealer: keys,
        secrets: Secrets { operator_token: secret(TOKEN), github_webhook: secret(GITHUB_SECRET) },
        metrics: PrometheusBuilder::new().build_recorder().handle(),
        probes: vec![Box::new(Present)],
    }
}
