//! A partition of a read model whose rows are only appended: folded straight from the log, by its checkpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use brainops_event::{Frontier, Offset};
use tokio_util::sync::CancellationToken;

use super::error::{RebuildError, in_database};
use super::job::{Unit, bind_unit, set_state};
use super::unit::Shared;
use crate::catch_up::CatchUp;
use crate::model::ReadModel;
use crate::rows::Tables;
use crate::table::WriteMode;

/// Whether no row of a read model is ever read or written twice.
pub(crate) fn is_only_appended<M: ReadModel>() -> bool {
    M::Tables::definitions().iter().all(|table| table.mode == WriteMode::Append)
}

pub(crate) struct Straight<'a, M> {
    pub(crate) shared: &'a Arc<Shared<M>>,
    pub(crate) unit: &'a Unit,
    pub(crate) read_to: &'a AtomicI64,
    pub(crate) stop: &'a CancellationToken,
}

impl<M: ReadModel> Straight<'_, M> {
    /// Does what is not done of this partition.
    pub(crate) async fn run(&self) -> Result<(), RebuildError> {
        let Shared { model, shop, generation, .. } = &**self.shared;
        let failed = |what| in_database(&generation.read_model, what);
        let ours = set_state(&shop.pool, generation, self.unit, "reading").await;
        if !ours.map_err(failed("say what is worked on"))? {
            return Err(RebuildError::ShutDown);
        }
        let (topic, partition) = &self.unit.place;
        let mut to = Frontier::new();
        to.set(topic.clone(), *partition, self.unit.to);
        to.set_topic_id(topic.clone(), self.unit.topic_id.clone());
        let note = |next: Offset| self.read_to.store(next.get(), Ordering::Relaxed);
        CatchUp { model, shop, generation }.run(&to, note, self.stop).await?;
        let done = "UPDATE brainops.rebuild_unit SET state = 'done', lease_until = NULL, read_to = to_offset \
                     WHERE read_model = $1 AND generation = $2 AND topic = $3 AND partition = $4 AND epoch = $5";
        let done = bind_unit(sqlx::query(done), generation, self.unit).execute(&shop.pool).await;
        match done.map_err(failed("say that a partition is done"))?.rows_affected() {
            0 => Err(RebuildError::ShutDown),
            _ => Ok(()),
        }
    }
}
