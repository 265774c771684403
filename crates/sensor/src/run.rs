//! The role `sensors`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brainops_deploy::{Cause, Fleet, ServiceKey};
use brainops_event::{Outgoing, error_chain};
use brainops_outbox::Outbox;
use chrono::Utc;
use metrics::{counter, gauge};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::access_log::AccessLog;
use crate::config::{SensorsConfig, SensorsConfigError};
use crate::deployments::Deployments;
use crate::metrics as names;
use crate::probe::Probe;
use crate::prometheus::Prometheus;
use crate::say::SayError;
use crate::span::Span;

/// How long after the end of a span it is told: what belongs to it has been written by then.
const GRACE: Duration = Duration::from_secs(1);
/// How long after what could not be kept it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What sensors stand on.
#[derive(Debug, Clone)]
pub struct SensorStage {
    /// The way into the log.
    pub outbox: Outbox,
    /// The services, with who provides them.
    pub fleet: Fleet,
}

/// Sensors cannot begin, or one of them has ended.
#[derive(Debug, Error)]
pub enum SensorError {
    /// A setting says what cannot be.
    #[error(transparent)]
    Config(#[from] SensorsConfigError),
    /// No requests can be made.
    #[error("a sensor cannot ask over HTTP")]
    Client(#[source] reqwest::Error),
    /// A sensor panicked.
    #[error("a sensor has died")]
    Died(#[source] tokio::task::JoinError),
}

/// Looks and tells until shutdown is asked for. What cannot be seen is looked at again.
///
/// # Errors
/// [`SensorError`].
pub async fn run(
    stage: SensorStage,
    config: SensorsConfig,
    shutdown: CancellationToken,
) -> Result<(), SensorError> {
    config.check()?;
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build();
    let client = client.map_err(SensorError::Client)?;
    let (every, rule, causes) = (config.every(), config.rule, Causes::default());
    let mouth = Mouth { outbox: stage.outbox, shutdown: shutdown.clone() };
    let mut sensors = JoinSet::new();
    for key in stage.fleet.keys() {
        let watching = Deployments::new(key.clone(), stage.fleet.clone(), causes.clone());
        sensors.spawn(look(watching, every, Duration::ZERO, mouth.clone()));
    }
    for one in config.http_probe {
        sensors.spawn(look(Probe::new(one, rule, client.clone()), every, Duration::ZERO, mouth.clone()));
    }
    for one in config.prometheus {
        sensors.spawn(look(Prometheus::new(one, rule, client.clone()), every, GRACE, mouth.clone()));
    }
    for one in config.access_log {
        sensors.spawn(look(AccessLog::new(one, rule, causes.clone()), every, GRACE, mouth.clone()));
    }
    gauge!(names::RUNNING).set(sensors.len() as f64);
    while let Some(ended) = sensors.join_next().await {
        ended.map_err(SensorError::Died)?;
    }
    Ok(())
}

/// What looks.
pub(crate) trait Sensor: Send {
    /// Its name, for people and metrics.
    const NAME: &'static str;

    /// What it looks at.
    fn key(&self) -> &ServiceKey;

    /// What there is to tell, once a span is over.
    fn see(&mut self, span: Span) -> impl Future<Output = Result<Vec<Outgoing>, Blind>> + Send;

    /// What was seen last is told.
    fn told(&mut self) {}
}

/// Nothing can be seen now.
#[derive(Debug, Error)]
pub(crate) enum Blind {
    /// What was seen cannot be told.
    #[error(transparent)]
    Say(#[from] SayError),
    /// The provider does not say.
    #[error(transparent)]
    Provider(#[from] brainops_deploy::ProviderError),
    /// There is no answer.
    #[error("there is no answer")]
    Http(#[from] reqwest::Error),
    /// The answer is none.
    #[error("the answer is not understood: {0}")]
    Answer(String),
    /// The file cannot be read.
    #[error("the file cannot be read")]
    File(#[from] std::io::Error),
}

async fn look<S: Sensor>(mut sensor: S, every: Duration, grace: Duration, mouth: Mouth) {
    let mut was_blind = false;
    loop {
        let now = Utc::now();
        let span = Span::of(now, every);
        tokio::select! {
            () = mouth.shutdown.cancelled() => return,
            () = tokio::time::sleep(span.left(now, grace)) => {}
        }
        let seen = tokio::select! {
            () = mouth.shutdown.cancelled() => return,
            seen = sensor.see(span) => seen,
        };
        match seen {
            Ok(events) => {
                was_blind = false;
                if !mouth.tell(S::NAME, events).await {
                    return;
                }
                sensor.told();
            }
            Err(blind) => {
                counter!(names::BLIND_TOTAL, "sensor" => S::NAME).increment(1);
                if !was_blind {
                    tracing::warn!(sensor = S::NAME, service = %sensor.key(), reason = %error_chain(&blind), "a sensor sees nothing; looking again");
                }
                was_blind = true;
            }
        }
    }
}

/// The way into the log.
#[derive(Clone)]
struct Mouth {
    outbox: Outbox,
    shutdown: CancellationToken,
}

impl Mouth {
    /// Tells it all, however long that takes; false when shutdown came first.
    async fn tell(&self, sensor: &'static str, mut events: Vec<Outgoing>) -> bool {
        while !events.is_empty() {
            let answers = tokio::select! {
                () = self.shutdown.cancelled() => return false,
                answers = self.outbox.append_all(events.clone()) => answers,
            };
            let mut left = Vec::new();
            for (event, answer) in events.into_iter().zip(answers) {
                match answer {
                    Ok(_) => counter!(names::TOLD_TOTAL, "sensor" => sensor).increment(1),
                    Err(error) if error.is_transient() => {
                        if left.is_empty() {
                            tracing::warn!(sensor, reason = %error_chain(&error), "what a sensor has seen is not kept; trying again");
                        }
                        left.push(event);
                    }
                    // Another one has looked at the same and told it first, a little otherwise.
                    Err(error) => tracing::debug!(sensor, reason = %error_chain(&error), "told by another"),
                }
            }
            events = left;
            if !events.is_empty() {
                tokio::select! {
                    () = self.shutdown.cancelled() => return false,
                    () = tokio::time::sleep(AGAIN) => {}
                }
            }
        }
        true
    }
}

/// What deployments follow from, by service and deployment: what they answer is told as their effect.
#[derive(Debug, Clone, Default)]
pub(crate) struct Causes(Arc<Mutex<HashMap<(ServiceKey, String), Cause>>>);

impl Causes {
    pub(crate) fn of(&self, key: &ServiceKey, deployment: &str) -> Option<Cause> {
        let causes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        causes.get(&(key.clone(), deployment.to_owned())).cloned()
    }

    /// Replaces those of a service.
    pub(crate) fn set(&self, key: &ServiceKey, all: impl IntoIterator<Item = (String, Cause)>) {
        let mut causes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        causes.retain(|(known, _), _| known != key);
        causes.extend(all.into_iter().map(|(deployment, cause)| ((key.clone(), deployment), cause)));
    }
}
