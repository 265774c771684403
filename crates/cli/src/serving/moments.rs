//! Past moments for the doors: what a question comes to is asked of the log, and the role `replay` folds it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brainops_projection::{
    AnyReadModel, ListedMoment, MomentError, MomentQuestion, MomentState, MomentWanted, ResolvedMoment,
    Workshop,
};
use brainops_server::{AskedMoment, MomentRefusal, Moments};
use chrono::TimeDelta;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long a moment is kept after it was last asked for.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// How long after its making has failed a moment is not begun again.
const FAILED_STANDS: Duration = Duration::from_secs(300);
/// How long the log may take to say what stood in it.
const LOG_LIMIT: Duration = Duration::from_secs(15);
/// How long a request waits until a moment is begun; beginning with the rows of an earlier one copies them.
const BEGIN_LIMIT: Duration = Duration::from_secs(15);

/// Has past moments made in the workshop of this process.
pub struct MomentDesk {
    shop: Workshop,
    counters: Vec<Arc<Counter>>,
}

/// Where one read model's moments are asked for.
struct Counter {
    model: Box<dyn AnyReadModel>,
    /// One question is begun at a time: the same one twice at once begins one moment, and nobody slips past the quota.
    turn: Mutex<()>,
}

impl MomentDesk {
    pub fn new(shop: Workshop, models: Vec<Box<dyn AnyReadModel>>) -> Self {
        let counter = |model| Arc::new(Counter { model, turn: Mutex::new(()) });
        Self { shop, counters: models.into_iter().map(counter).collect() }
    }
}

#[async_trait]
impl Moments for MomentDesk {
    async fn ask(&self, asked: AskedMoment) -> Result<ListedMoment, MomentRefusal> {
        let counter = self.counters.iter().find(|counter| counter.model.name() == asked.read_model);
        let counter = counter.ok_or(MomentRefusal::NotInstalled)?;
        let resolved = resolve(counter, &self.shop, &asked.question).await?;
        let told = resolved.told.clone();
        // A task of its own: who asked may go away, and what was begun must not begin anew the next time.
        let offering = tokio::spawn(offer(Arc::clone(counter), self.shop.clone(), resolved, asked));
        let offered = timeout(BEGIN_LIMIT, offering).await.map_err(|_| MomentRefusal::NotBegun)?;
        let state = offered.unwrap_or_else(|error| {
            tracing::error!(%error, "a past moment was not begun to the end");
            Err(MomentRefusal::Fault)
        })?;
        ListedMoment::of(&self.shop.pool, state, told).await.map_err(|error| MomentRefusal::from(&error))
    }
}

async fn resolve(
    counter: &Counter,
    shop: &Workshop,
    question: &MomentQuestion,
) -> Result<ResolvedMoment, MomentRefusal> {
    let refused = |error: MomentError| MomentRefusal::of(&error, question);
    match timeout(LOG_LIMIT, counter.model.resolve_moment(shop, question)).await {
        Ok(resolved) => resolved.map_err(refused),
        Err(_) => {
            tracing::error!(limit_s = LOG_LIMIT.as_secs(), "the log does not say what stood in it");
            Err(MomentRefusal::Unavailable)
        }
    }
}

async fn offer(
    counter: Arc<Counter>,
    shop: Workshop,
    resolved: ResolvedMoment,
    asked: AskedMoment,
) -> Result<MomentState, MomentRefusal> {
    let _turn = counter.turn.lock().await;
    let AskedMoment { question, fresh, asked_by, .. } = asked;
    let wanted =
        MomentWanted { asked_by, time_to_live: Some(KEPT), fresh, failed_stands: Some(FAILED_STANDS) };
    let offered = counter.model.offer_moment(&shop, &resolved, wanted).await;
    offered.map_err(|error| MomentRefusal::of(&error, &question))
}
