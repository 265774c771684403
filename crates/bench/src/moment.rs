//! Making a past moment: how long it takes from the question to tables that can be asked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use brainops_event::{Catalog, Frontier, Offset, Partition, PartitionCount, TopicName};
use brainops_log::ensure_topics;
use brainops_projection::{
    Clock, MomentAt, MomentQuestion, MomentWanted, drop_generation, find_generation, install, offer_moment,
    resolve_moment, work_on_rebuild,
};
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::event::{Generator, Kind};
use crate::meter::cpu_seconds;
use crate::model::Lines;
use crate::replay::{READ_MODEL, Used, workshop};
use crate::stand::{Stand, report};

#[derive(Args)]
pub(crate) struct Moment {
    /// Which events.
    #[arg(long, value_enum)]
    kind: Kind,
    /// How many there are in the topic.
    #[arg(long)]
    events: u64,
    /// The moment after so many of them.
    #[arg(long)]
    at: u64,
    /// Drop it afterwards.
    #[arg(long)]
    forget: bool,
    /// The database.
    #[arg(long)]
    database: String,
    /// The folder for what is set aside.
    #[arg(long)]
    scratch: PathBuf,
    /// The broker's process.
    #[arg(long, default_value_t = 0)]
    broker: i32,
}

pub(crate) async fn run(asked: Moment) -> anyhow::Result<()> {
    let stand = Stand::from_env()?;
    let model = Lines::<false>::new(asked.kind);
    let shop = workshop(&stand, &asked.database, "moment", asked.scratch.clone(), None).await?;
    install(&shop.pool, &model).await?;
    ensure_topics(&stand.cluster()?, Catalog::builtin()).await?; // decisions come through one of them
    let at = MomentAt::Frontier(frontier(&stand, &asked)?);
    let question = MomentQuestion { at, clock: Clock::Recorded };
    let (broker_before, began) = (cpu_seconds(asked.broker), Instant::now());
    let resolved = resolve_moment(&model, &shop, &question).await?;
    let wanted = MomentWanted { asked_by: "bench", time_to_live: None, fresh: false, failed_stands: None };
    let moment = offer_moment(&model, &shop, &resolved, wanted).await?;
    if !moment.is_ready {
        let generation = moment.generation.clone();
        work_on_rebuild(Arc::new(model), shop.clone(), generation, CancellationToken::new()).await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let used = Used::here(&shop.pool).await?;
    let mut figures = used.figures(asked.at, seconds, cpu_seconds(asked.broker) - broker_before);
    let number = moment.generation.number;
    let base = "SELECT base FROM brainops.rebuild WHERE read_model = $1 AND generation = $2";
    let base = sqlx::query_scalar::<_, Option<i32>>(base).bind(READ_MODEL).bind(number);
    figures["from_snapshot"] = base.fetch_one(&shop.pool).await?.is_some().into();
    figures["table"] = format!("{}.line", moment.generation.schema()).into();
    if asked.forget {
        drop_generation(&shop.pool, &find_generation(&shop.pool, READ_MODEL, number).await?).await?;
    }
    report(&figures)
}

/// Where each partition stands after the first so many events.
fn frontier(stand: &Stand, asked: &Moment) -> anyhow::Result<Frontier> {
    let generator = Generator::new(asked.kind, asked.events);
    let count = PartitionCount::new(i32::from(stand.log.partitions))?;
    let mut lengths = vec![0_i64; usize::from(stand.log.partitions)];
    for number in 0..asked.at {
        let partition = Generator::partition(&generator.subject(generator.key(number)), count);
        lengths[usize::try_from(partition.get())?] += 1;
    }
    let topic = TopicName::new(&stand.topic(asked.kind.topic()))?;
    let mut frontier = Frontier::new();
    for (partition, length) in (0..).zip(lengths) {
        frontier.set(topic.clone(), Partition::new(partition)?, Offset::new(length)?);
    }
    Ok(frontier)
}
