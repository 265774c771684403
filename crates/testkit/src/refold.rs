//! What the log says that the rows must be, computed apart from the runtime; and the rows as they are.
//!
//! Straightforward on purpose: one event at a time, in plain memory, with no batches, no checkpoints and no database.
//! A subject is held from its first record on that cannot be read or folded (a panic is a refusal), unless somebody has
//! dismissed that record; misplaced records and repeats are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use brainops_event::types::projection::RecordDismissed;
use brainops_event::{Frontier, Offset, Partition, Recorded, Subject, TopicName, TypedEvent as _};
use brainops_log::{
    Cluster, Item, Place, ReadError, Registry, end_frontier, read_judging_schemas_at_once as read,
};
use brainops_projection::{Generation, ReadModel, Tables};
use futures::TryStreamExt as _;
use sqlx::PgPool;
use sqlx::postgres::PgPoolCopyExt as _;

use crate::tuple::{canonical, tuples_of_copy};

/// The rows of each table as the bytes that a binary COPY has, sorted.
pub type TableRows = BTreeMap<&'static str, Vec<Vec<u8>>>;

/// A subject of a partition.
type OfSubject = (TopicName, Partition, String);

/// A record, by its place.
type At = (TopicName, Partition, Offset);

/// Folds the topics of a read model up to a frontier, event by event. Records that were dismissed up to the frontier
/// are left out; a frontier without the topic `projection` means all that were dismissed until now. What was parked
/// for a reason that has gone since (a schema that is registered now) is folded here: retry it first. Dismissals are
/// taken for carried out: one that was void, as its record was not the first one held, must not be in the log.
///
/// # Errors
/// When the log cannot be read.
///
/// # Panics
/// When the read model's own code is at fault.
pub async fn refold<M: ReadModel>(
    model: &M,
    cluster: &Cluster,
    registry: &Registry,
    to: &Frontier,
) -> Result<TableRows, ReadError> {
    let folded: BTreeSet<TopicName> =
        model.topics().iter().map(|topic| cluster.topic(topic).expect("a topic name")).collect();
    let to_fold: Frontier = of_topics(to, |topic| folded.contains(topic));
    let dismissed = dismissed(model.name(), cluster, registry, to).await?;
    // A fold that refuses an event may have changed rows before it did. So the event is noted, and all begins anew.
    let mut refused: BTreeMap<OfSubject, BTreeSet<Offset>> = BTreeMap::new();
    loop {
        let mut pass = Pass { model, tables: M::Tables::default(), held: BTreeSet::new(), clean: true };
        let mut reading = read(cluster, registry, &Frontier::new(), &to_fold).await?;
        while let Some(batch) = reading.next().await {
            let batch = batch?;
            for item in batch.items() {
                pass.take(&item, &dismissed, &mut refused);
            }
        }
        if pass.clean {
            return Ok(rows_of(&mut pass.tables));
        }
    }
}

/// One time over the log.
struct Pass<'a, M: ReadModel> {
    model: &'a M,
    tables: M::Tables,
    held: BTreeSet<OfSubject>,
    /// Whether the rows are those of accepted events alone.
    clean: bool,
}

impl<M: ReadModel> Pass<'_, M> {
    fn take(
        &mut self,
        item: &Item<'_>,
        dismissed: &BTreeSet<At>,
        refused: &mut BTreeMap<OfSubject, BTreeSet<Offset>>,
    ) {
        match item {
            Item::Duplicate { .. } | Item::Misplaced { .. } => {}
            Item::Poison { place: Place { topic, partition, offset, .. }, subject, .. } => {
                let at = ((*topic).clone(), *partition, *offset);
                let subject = subject.filter(|subject| Subject::new(*subject).is_ok());
                if let (Some(subject), false) = (subject, dismissed.contains(&at)) {
                    self.held.insert((at.0, at.1, subject.to_owned()));
                }
            }
            Item::Event(event) => {
                let at = (event.topic.clone(), event.partition, event.offset);
                let subject = event.envelope.subject().unwrap_or_default().to_owned();
                let subject: OfSubject = (at.0.clone(), at.1, subject);
                if dismissed.contains(&at) || self.held.contains(&subject) {
                    return;
                }
                let known = refused.entry(subject.clone()).or_default();
                if known.contains(&event.offset) {
                    self.held.insert(subject);
                } else if !fold(self.model, event, &mut self.tables) {
                    known.insert(event.offset);
                    self.held.insert(subject);
                    self.clean = false;
                }
            }
        }
    }
}

/// The records that people have dismissed for a read model.
async fn dismissed(
    read_model: &str,
    cluster: &Cluster,
    registry: &Registry,
    to: &Frontier,
) -> Result<BTreeSet<At>, ReadError> {
    let decisions = cluster.topic("projection").expect("a topic name");
    let mut to_decisions = of_topics(to, |topic| *topic == decisions);
    if to_decisions.is_empty() {
        to_decisions = end_frontier(cluster, &[decisions]).await?;
    }
    let mut dismissed = BTreeSet::new();
    let mut reading = read(cluster, registry, &Frontier::new(), &to_decisions).await?;
    while let Some(batch) = reading.next().await {
        let batch = batch?;
        for item in batch.items() {
            let Item::Event(event) = item else { continue };
            if event.envelope.event_type() != RecordDismissed::EVENT_TYPE {
                continue;
            }
            let said: RecordDismissed = event.typed().expect("a dismissal that can be read");
            if said.read_model == read_model {
                let topic = TopicName::new(&said.topic).expect("a dismissal of a record of some topic");
                let partition =
                    Partition::new(said.partition).expect("a dismissal of a record of a partition");
                let offset = said.offset.parse::<i64>().ok().and_then(|offset| Offset::new(offset).ok());
                dismissed.insert((topic, partition, offset.expect("a dismissal of a record at an offset")));
            }
        }
    }
    Ok(dismissed)
}

/// The part of a frontier that is about some topics.
fn of_topics(frontier: &Frontier, is_wanted: impl Fn(&TopicName) -> bool) -> Frontier {
    let mut part: Frontier = frontier
        .iter()
        .filter(|(topic, ..)| is_wanted(topic))
        .map(|(topic, partition, next)| (topic.clone(), partition, next))
        .collect();
    for topic in frontier.topics().filter(|topic| is_wanted(topic)) {
        if let Some(id) = frontier.topic_id(topic) {
            part.set_topic_id(topic.clone(), id.clone());
        }
    }
    part
}

fn rows_of<T: Tables>(tables: &mut T) -> TableRows {
    let mut all = TableRows::new();
    tables.each(&mut |rows| {
        let tuples = rows.tuples().unwrap_or_else(|error| panic!("a row of {}: {error}", rows.table().name));
        all.insert(rows.table().name, sorted(canonical(rows.table(), tuples)));
    });
    all
}

/// Whether the event could be folded. A panic of the fold is its refusal of the event.
fn fold<M: ReadModel>(model: &M, event: &Recorded<'_>, tables: &mut M::Tables) -> bool {
    tables.each(&mut |rows| rows.forget_batch());
    let folded =
        catch_unwind(AssertUnwindSafe(|| model.want(event, tables).and_then(|()| model.fold(event, tables))));
    match folded {
        Ok(Ok(())) => true,
        Ok(Err(error)) if error.is_own_fault() => {
            panic!("the fold is at fault at {}: {error}", event.position())
        }
        Ok(Err(_)) | Err(_) => false,
    }
}

/// The rows that a generation holds: the bytes that Postgres itself sends for them, with none of the read model's own
/// reading between.
///
/// # Errors
/// When the database does not answer.
pub async fn stored_rows<M: ReadModel>(
    pool: &PgPool,
    generation: &Generation,
) -> Result<TableRows, sqlx::Error> {
    let mut all = TableRows::new();
    for table in M::Tables::definitions() {
        let columns = table.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "COPY (SELECT {columns} FROM {}.{}) TO STDOUT (FORMAT binary)",
            generation.schema(),
            table.name
        );
        let mut stream = pool.copy_out_raw(&sql).await?;
        let mut copied = Vec::new();
        while let Some(bytes) = stream.try_next().await? {
            copied.extend_from_slice(&bytes);
        }
        all.insert(table.name, sorted(tuples_of_copy(table, &copied)));
    }
    Ok(all)
}

fn sorted(mut tuples: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    tuples.sort();
    tuples
}
