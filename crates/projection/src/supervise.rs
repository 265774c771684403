//! Follows every generation of a read model that is to be followed by this version of its fold: the one that serves,
//! one that was rebuilt and is to serve, and those that are kept to go back to. They come and go while the process
//! runs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use brainops_log::{Cluster, Registry};
use sqlx::PgPool;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::generation::{Generation, ServingError, serving};
use crate::halt::{Halt, pause_after};
use crate::install::offered_version;
use crate::lineage::followed;
use crate::model::ReadModel;
use crate::run::{Following, RunOptions, follow};
use crate::run_error::RunError;
use crate::sqlstate::{Remedy, remedy};

/// How often is looked which generations there are.
const LOOK: Duration = Duration::from_secs(2);

/// Follows the topics of a read model and folds them into its generations of this fold version, until shutdown is
/// asked for. Batches in flight are then finished, within ten seconds. Instances with the same read model share its
/// partitions.
///
/// A generation that ends by a fault leaves the others running, and is not begun again by this process.
///
/// # Errors
/// [`RunError`] when a person is needed and no generation runs any more; what can pass is waited for and tried again.
pub async fn run<M: ReadModel>(
    model: Arc<M>,
    pool: PgPool,
    cluster: Cluster,
    registry: Registry,
    options: RunOptions,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let served = match served(&*model, &pool, &shutdown).await {
        Ok(served) => served,
        Err(Halt::ShutDown) => return Ok(()),
        Err(Halt::Fault(fault)) => return Err(fault),
    };
    let offered = offered_version(&*model);
    if served.fold_version != offered {
        tracing::warn!(projector.name = %served.read_model, generation = served.number, installed = served.fold_version, offered, "the generation that serves belongs to another version of the fold; a rebuild makes one of this version");
    }
    let following = Following { model, pool, cluster, registry, options };
    Supervisor {
        following,
        served,
        offered,
        shutdown,
        running: BTreeMap::new(),
        tasks: JoinSet::new(),
        numbers: HashMap::new(),
        fault: None,
    }
    .run()
    .await
}

/// The generation that serves, whatever version of the fold fills it.
async fn served<M: ReadModel>(
    model: &M,
    pool: &PgPool,
    shutdown: &CancellationToken,
) -> Result<Generation, Halt> {
    let mut backoff = Backoff::for_database();
    loop {
        match serving(pool, model.name()).await {
            Ok(generation) => return Ok(generation),
            Err(ServingError::Database { read_model, source }) if remedy(&source) == Remedy::Retry => {
                pause_after(&read_model, source, &mut backoff, shutdown).await?;
            }
            Err(error) => return Err(Halt::Fault(error.into())),
        }
    }
}

struct Supervisor<M> {
    following: Following<M>,
    served: Generation,
    offered: i32,
    shutdown: CancellationToken,
    /// By number; `None` stands for one that has ended by a fault.
    running: BTreeMap<i32, Option<CancellationToken>>,
    tasks: JoinSet<Result<(), RunError>>,
    numbers: HashMap<Id, i32>,
    fault: Option<RunError>,
}

impl<M: ReadModel> Supervisor<M> {
    async fn run(mut self) -> Result<(), RunError> {
        loop {
            if let Some(generations) = self.look().await? {
                self.begin_and_end(generations);
            }
            tokio::select! {
                () = self.shutdown.cancelled() => break,
                () = tokio::time::sleep(LOOK) => {}
                Some(ended) = self.tasks.join_next_with_id() => {
                    self.ended(ended);
                    if let (true, Some(fault)) = (self.tasks.is_empty(), self.fault.take()) {
                        return Err(fault);
                    }
                }
            }
        }
        // Their tokens are children of the one that was cancelled.
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.ended(ended);
        }
        self.fault.map_or(Ok(()), Err)
    }

    /// Which generations are to be followed; `None` while the database cannot say.
    async fn look(&self) -> Result<Option<Vec<Generation>>, RunError> {
        let read_model = &self.served.read_model;
        match followed(&self.following.pool, read_model, self.offered).await {
            Ok(generations) => Ok(Some(generations)),
            Err(error) if remedy(&error) == Remedy::Retry => {
                tracing::warn!(projector.name = %read_model, %error, "cannot look which generations there are; trying again");
                Ok(None)
            }
            Err(source) => Err(RunError::Database { read_model: read_model.clone(), source }),
        }
    }

    fn begin_and_end(&mut self, generations: Vec<Generation>) {
        self.running.retain(|number, stop| {
            let stays = generations.iter().any(|generation| generation.number == *number);
            if let (false, Some(stop)) = (stays, stop) {
                stop.cancel();
            }
            stays
        });
        for generation in generations {
            let number = generation.number;
            self.running.entry(number).or_insert_with(|| {
                let stop = self.shutdown.child_token();
                let following = follow(self.following.clone(), generation, stop.clone());
                self.numbers.insert(self.tasks.spawn(following).id(), number);
                Some(stop)
            });
        }
    }

    fn ended(&mut self, ended: Result<(Id, Result<(), RunError>), JoinError>) {
        let read_model = self.served.read_model.clone();
        let (id, ended) = match ended {
            Ok(ended) => ended,
            Err(source) => (source.id(), Err(RunError::Panicked { read_model: read_model.clone(), source })),
        };
        let number = self.numbers.remove(&id).unwrap_or_default();
        // Who ends by a fault stays in the list, so that it is not begun again.
        if let Err(fault) = ended {
            tracing::error!(projector.name = %read_model, generation = number, error = %crate::batch::chain(&fault), "a generation is not followed any more");
            self.running.insert(number, None);
            self.fault.get_or_insert(fault);
        }
    }
}
