//! One partition of a rebuild: its records set aside by subject, then bucket by bucket folded and written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use brainops_event::{Frontier, Offset};
use brainops_fault::point;
use brainops_log::{ReadOptions, Spill, SpillError, SpillPlan, Spilled, read_with, remove_spill};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::bucket::{BucketFold, FoldedBucket};
use super::decided::Decided;
use super::error::{RebuildError, in_database};
use super::job::{Unit, done_buckets, set_state};
use super::work::Workshop;
use super::written::{Written, too_many};
use crate::backoff::Backoff;
use crate::checkpoint::Place;
use crate::generation::Generation;
use crate::halt::{Halt, pause_after};
use crate::model::ReadModel;
use crate::month::KnownMonths;
use crate::sort::Scope;

/// How many buckets of a partition are folded or written at a time.
const BUCKETS_AT_ONCE: usize = 2;
/// What is read back at once. Schemas that the registry does not have were waited for when the log was read.
const READ_BACK: ReadOptions =
    ReadOptions { records: 2_000, bytes: 1024 * 1024, unknown_schema_patience: std::time::Duration::ZERO };

/// What all partitions of a rebuild share.
pub(crate) struct Shared<M> {
    pub(crate) model: Arc<M>,
    pub(crate) shop: Workshop,
    pub(crate) generation: Generation,
    pub(crate) scope: Scope,
    pub(crate) decided: Decided,
    pub(crate) happened_to: Option<brainops_event::Timestamp>,
    pub(crate) months: tokio::sync::Mutex<KnownMonths>,
}

impl<M> Shared<M> {
    /// What folding a bucket of a partition needs to know.
    pub(super) fn folding<'a>(&'a self, place: &'a Place) -> BucketFold<'a, M> {
        BucketFold {
            model: &self.model,
            read_model: &self.generation.read_model,
            place,
            decided: &self.decided,
            happened_to: self.happened_to,
        }
    }
}

/// A partition that is worked on, and how far it was read.
pub(crate) struct Work<M> {
    pub(crate) shared: Arc<Shared<M>>,
    pub(crate) unit: Unit,
    pub(crate) read_to: Arc<AtomicI64>,
    pub(crate) stop: CancellationToken,
}

impl<M: ReadModel> Work<M> {
    /// Does what is not done of this partition. What was set aside and is damaged is set aside once more.
    pub(crate) async fn run(&self) -> Result<(), RebuildError> {
        if self.fold_whole().await? {
            return Ok(());
        }
        let folder = self.folder();
        match self.run_in(&folder).await {
            Err(RebuildError::Spill(error)) => match *error {
                SpillError::Damaged { .. } => {
                    tracing::warn!(error = %brainops_event::error_chain(&*error), "what was set aside is read from the log again");
                    remove_spill(&folder)?;
                    self.run_in(&folder).await
                }
                // One who has lost the partition, and was stopped or hangs, has it open.
                SpillError::Busy { .. } => {
                    tracing::warn!(error = %error, "a partition is set aside in a folder of its own");
                    self.run_in(&self.folder_of_its_own()).await
                }
                _ => Err(RebuildError::Spill(error)),
            },
            done => done,
        }
    }

    async fn run_in(&self, folder: &Path) -> Result<(), RebuildError> {
        let Shared { shop, generation, .. } = &*self.shared;
        let failed = |what| in_database(&generation.read_model, what);
        let spilled = self.set_aside(folder).await?;
        point("rebuild.set_aside");
        self.must_be_ours(set_state(&shop.pool, generation, &self.unit, "folding").await)?;
        let done = done_buckets(&shop.pool, generation, &self.unit).await;
        let done: BTreeSet<u32> = done.map_err(failed("read which buckets are done"))?.into_iter().collect();
        let left = (0..spilled.buckets()).filter(|bucket| !done.contains(bucket));
        stream::iter(left.map(|bucket| self.bucket(&spilled, bucket)))
            .buffer_unordered(BUCKETS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        self.end(&spilled).await?;
        drop(spilled);
        remove_spill(folder)?;
        Ok(())
    }

    pub(super) fn folder(&self) -> PathBuf {
        let (topic, partition) = &self.unit.place;
        self.shared.shop.scratch.join(self.shared.generation.schema()).join(format!("{topic}-{partition}"))
    }

    fn folder_of_its_own(&self) -> PathBuf {
        let mut name = self.folder().into_os_string();
        name.push(format!(".{}", self.unit.epoch));
        name.into()
    }

    fn plan(&self) -> SpillPlan {
        let Unit { place: (topic, partition), topic_id, from, buckets, .. } = self.unit.clone();
        SpillPlan { topic, topic_id, partition, buckets, start: from }
    }

    /// Reads the partition and sets its records aside, from where an earlier attempt left off.
    async fn set_aside(&self, folder: &Path) -> Result<Spilled, RebuildError> {
        let plan = self.plan();
        if let Some(spilled) = Spilled::open(folder, &plan)?.filter(|spilled| spilled.end() == self.unit.to) {
            self.read_to.store(self.unit.to.get(), Ordering::Relaxed);
            return Ok(spilled);
        }
        let (mut spill, from) = match Spill::resume(folder, &plan)? {
            Some(resumed) if resumed.1 <= self.unit.to => resumed,
            _ => (Spill::begin(folder, plan)?, self.unit.from),
        };
        let Shared { shop, generation, .. } = &*self.shared;
        self.must_be_ours(set_state(&shop.pool, generation, &self.unit, "reading").await)?;
        let (from, to) = self.range(from);
        let mut reading = read_with(&shop.log, &shop.registry, &from, &to, shop.reading_in_passing()).await?;
        let mark_bytes = shop.pace.mark_bytes;
        loop {
            let batch = tokio::select! {
                batch = reading.next() => batch,
                () = self.stop.cancelled() => {
                    spill.mark()?;
                    return Err(RebuildError::ShutDown);
                }
            };
            let Some(batch) = batch else { break };
            let batch = batch?;
            spill = blocking(move || {
                spill.take(&batch)?;
                if spill.unmarked_bytes() >= mark_bytes {
                    spill.mark()?;
                    point("rebuild.marked");
                }
                Ok(spill)
            })
            .await?;
            self.read_to.store(spill.next().get(), Ordering::Relaxed);
            point("rebuild.taken");
        }
        let end = self.unit.to;
        blocking(move || Ok(spill.finish(end)?)).await
    }

    pub(super) fn range(&self, from: Offset) -> (Frontier, Frontier) {
        let (topic, partition) = &self.unit.place;
        let (mut start, mut end) = (Frontier::new(), Frontier::new());
        start.set(topic.clone(), *partition, from);
        end.set(topic.clone(), *partition, self.unit.to);
        end.set_topic_id(topic.clone(), self.unit.topic_id.clone());
        (start, end)
    }

    /// Folds a bucket and writes its rows; after an error that can pass, all of it again.
    async fn bucket(&self, spilled: &Spilled, number: u32) -> Result<(), RebuildError> {
        let Shared { shop, generation, .. } = &*self.shared;
        let mut backoff = Backoff::for_database();
        loop {
            if self.stop.is_cancelled() {
                return Err(RebuildError::ShutDown);
            }
            let folded = self.fold(spilled.clone(), number).await?;
            point("rebuild.bucket_folded");
            match self.written(number, folded).await? {
                Ok(Written::Done) => return Ok(()),
                Ok(Written::TooMany(parked)) => return Err(too_many(&parked)),
                Ok(Written::Lost) => return Err(RebuildError::ShutDown),
                Err(error) => {
                    let waited = pause_after(&generation.read_model, error, &mut backoff, &self.stop).await;
                    waited.map_err(halted)?;
                }
            }
            tracing::debug!(projector.name = %generation.read_model, bucket = number, worker = shop.worker, "a bucket is folded again");
        }
    }

    async fn fold(&self, spilled: Spilled, number: u32) -> Result<FoldedBucket, RebuildError> {
        let (shared, place) = (Arc::clone(&self.shared), self.unit.place.clone());
        blocking(move || {
            shared.folding(&place).fold(|| spilled.bucket(number, &shared.shop.registry, READ_BACK))
        })
        .await
    }

    /// Writes a bucket, in a task of its own: a COPY that is let go of in its middle spoils its connection for whoever
    /// gets it next.
    async fn written(
        &self,
        number: u32,
        folded: FoldedBucket,
    ) -> Result<Result<Written, sqlx::Error>, RebuildError> {
        let work = self.again();
        let writing = tokio::spawn(async move { work.write(number, folded).await });
        writing.await.map_err(|error| RebuildError::Ended { reason: Some(error.to_string()) })
    }

    pub(super) fn must_be_ours(&self, held: Result<bool, sqlx::Error>) -> Result<(), RebuildError> {
        let read_model = &self.shared.generation.read_model;
        match held.map_err(in_database(read_model, "say what is worked on"))? {
            true => Ok(()),
            false => Err(RebuildError::ShutDown),
        }
    }
}

pub(crate) fn halted(halt: Halt) -> RebuildError {
    match halt {
        Halt::ShutDown => RebuildError::ShutDown,
        Halt::Fault(fault) => fault.into(),
    }
}

/// Does what blocks on a thread for such work.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RebuildError> + Send + 'static,
) -> Result<T, RebuildError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_cancelled() => Err(RebuildError::ShutDown),
        Err(error) => Err(RebuildError::Ended { reason: Some(error.to_string()) }),
    }
}
