//! The partitions of a shard: which there are, how far the outbox is in each, and which of them must stop.

use std::collections::{BTreeMap, HashMap, HashSet};

use brainops_event::{Catalog, Frontier, Offset, Partition, PartitionCount, TopicId, TopicName};
use brainops_log::{existing_topics, log_bounds};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Row as _};

use super::end::SessionEnd;
use super::lease::Lease;
use super::turn::place;
use crate::outbox::Shared;
use crate::recovery::{Place, Remembered, Shown, must_stop};
use crate::reserve::impossible;

/// One partition.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) place: Place,
    /// Before this offset, no unconfirmed row stands and every event is reserved.
    pub(crate) read_through: Offset,
    /// The offset after the last record when the session began.
    pub(crate) end: Offset,
    /// Offsets before this one are given away.
    pub(crate) next: Offset,
    /// Nothing is sent there.
    pub(crate) stopped: bool,
}

/// All partitions of a shard.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    pub(crate) list: Vec<Lane>,
    index: HashMap<Place, usize>,
    topics: HashMap<TopicName, (TopicId, PartitionCount)>,
}

impl Lanes {
    /// Compares what the outbox remembers with what Kafka shows; partitions that are new begin at the beginning of
    /// their log. `refused` stop whatever the log looks like.
    pub(crate) async fn load(
        shared: &Shared,
        connection: &mut PgConnection,
        lease: &Lease,
        refused: &BTreeMap<Place, String>,
    ) -> Result<Lanes, SessionEnd> {
        let wanted = topics(shared, connection, lease).await?;
        let topics = existing_topics(&shared.cluster, &wanted).await?;
        let places = places(&topics, lease.shard, shared.config.shards);
        let (lows, ends) = log_bounds(&shared.cluster, places.clone()).await?;
        let shown = shown(&topics, places, &lows, &ends);
        let mut transaction = connection.begin().await?;
        lease.hold(&mut transaction, false).await?;
        ensure(&mut transaction, lease, &shown, &topics).await?;
        let (remembered, were_stopped) = remembered(&mut transaction, lease).await?;
        let stops: Vec<Option<String>> = remembered
            .iter()
            .map(|one| must_stop(one, shown.get(&one.place)).or_else(|| refused.get(&one.place).cloned()))
            .collect();
        stop(&mut transaction, &remembered, &stops).await?;
        transaction.commit().await?;
        let mut lanes = Lanes { topics, ..Lanes::default() };
        for (remembered, stop) in remembered.into_iter().zip(stops) {
            tell(&remembered.place, stop.as_deref(), were_stopped.contains(&remembered.place));
            lanes.push(remembered, &shown, stop.is_some());
        }
        Ok(lanes)
    }

    fn push(&mut self, remembered: Remembered, shown: &BTreeMap<Place, Shown>, stopped: bool) {
        let Remembered { place, read_through, .. } = remembered;
        let end = shown.get(&place).map_or(read_through, |shown| shown.end);
        self.index.insert(place.clone(), self.list.len());
        self.list.push(Lane { place, read_through, end, next: read_through, stopped });
    }

    pub(crate) fn find(&self, place: &Place) -> Option<usize> {
        self.index.get(place).copied()
    }

    /// The end of each partition now, if the topics are those of the beginning. For an idle session: whatever is
    /// numbered after this was asked stands behind these ends.
    pub(crate) fn look(&self, shared: &Shared) -> impl Future<Output = Result<Frontier, SessionEnd>> + use<> {
        let (cluster, topics) = (shared.cluster.clone(), self.topics.clone());
        let places: Vec<Place> =
            self.list.iter().filter(|lane| !lane.stopped).map(|lane| lane.place.clone()).collect();
        async move {
            let names: Vec<TopicName> = topics.keys().cloned().collect();
            if existing_topics(&cluster, &names).await? != topics {
                return Err(SessionEnd::TopicsChanged);
            }
            Ok(log_bounds(&cluster, places).await?.1)
        }
    }
}

/// Those of the catalog and those that the outbox knows.
async fn topics(
    shared: &Shared,
    connection: &mut PgConnection,
    lease: &Lease,
) -> Result<Vec<TopicName>, SessionEnd> {
    let known: Vec<String> = sqlx::query_scalar(include_str!("../sql/known_topics.sql"))
        .bind(i32::from(lease.shard))
        .fetch_all(connection)
        .await?;
    let ours = Catalog::builtin().topics().iter().filter_map(|name| shared.cluster.topic(name).ok());
    let known = known.iter().filter_map(|name| TopicName::new(name).ok());
    let all: HashSet<TopicName> = ours.chain(known).collect();
    Ok(all.into_iter().collect())
}

fn places(topics: &HashMap<TopicName, (TopicId, PartitionCount)>, shard: u16, shards: u16) -> Vec<Place> {
    let of_topic = |(topic, (_, count)): (&TopicName, &(TopicId, PartitionCount))| {
        let topic = topic.clone();
        let numbers = (0..count.get()).filter(move |number| number % i32::from(shards) == i32::from(shard));
        numbers.filter_map(move |number| Some((topic.clone(), Partition::new(number).ok()?)))
    };
    topics.iter().flat_map(of_topic).collect()
}

fn shown(
    topics: &HashMap<TopicName, (TopicId, PartitionCount)>,
    places: Vec<Place>,
    lows: &Frontier,
    ends: &Frontier,
) -> BTreeMap<Place, Shown> {
    let shown = |place: Place| {
        let (topic_id, _) = topics.get(&place.0)?;
        let (low, end) = (lows.get(&place.0, place.1)?, ends.get(&place.0, place.1)?);
        Some((place, Shown { topic_id: topic_id.clone(), low, end }))
    };
    places.into_iter().filter_map(shown).collect()
}

async fn ensure(
    connection: &mut PgConnection,
    lease: &Lease,
    shown: &BTreeMap<Place, Shown>,
    topics: &HashMap<TopicName, (TopicId, PartitionCount)>,
) -> Result<(), sqlx::Error> {
    let count = |topic: &TopicName| topics.get(topic).map_or(1, |(_, count)| count.get());
    sqlx::query(include_str!("../sql/ensure_partitions.sql"))
        .bind(i32::from(lease.shard))
        .bind(shown.keys().map(|place| place.0.as_str()).collect::<Vec<_>>())
        .bind(shown.values().map(|shown| shown.topic_id.as_str()).collect::<Vec<_>>())
        .bind(shown.keys().map(|place| place.1.get()).collect::<Vec<_>>())
        .bind(shown.keys().map(|place| count(&place.0)).collect::<Vec<_>>())
        .bind(shown.values().map(|shown| shown.low.get()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// What the outbox remembers, and which of it stood still until now.
async fn remembered(
    connection: &mut PgConnection,
    lease: &Lease,
) -> Result<(Vec<Remembered>, HashSet<Place>), sqlx::Error> {
    let query = sqlx::query(include_str!("../sql/partitions.sql")).bind(i32::from(lease.shard));
    let rows = query.fetch_all(connection).await?;
    let read = |row: &PgRow| {
        let read_through =
            Offset::new(row.try_get("read_through")?).map_err(|_| impossible("read_through"))?;
        Ok(Remembered { place: place(row)?, topic_id: row.try_get("topic_id")?, read_through })
    };
    let remembered: Vec<Remembered> = rows.iter().map(read).collect::<Result<_, sqlx::Error>>()?;
    let mut stopped = HashSet::new();
    for (row, one) in rows.iter().zip(&remembered) {
        if row.try_get::<Option<String>, _>("stopped_reason")?.is_some() {
            stopped.insert(one.place.clone());
        }
    }
    Ok((remembered, stopped))
}

async fn stop(
    connection: &mut PgConnection,
    remembered: &[Remembered],
    stops: &[Option<String>],
) -> Result<(), sqlx::Error> {
    sqlx::query(include_str!("../sql/stop.sql"))
        .bind(remembered.iter().map(|one| one.place.0.as_str()).collect::<Vec<_>>())
        .bind(remembered.iter().map(|one| one.place.1.get()).collect::<Vec<_>>())
        .bind(stops)
        .execute(connection)
        .await?;
    Ok(())
}

fn tell(place: &Place, stop: Option<&str>, was_stopped: bool) {
    let (topic, partition) = place;
    match stop {
        Some(reason) => tracing::error!(%topic, %partition, reason, "nothing is sent to a partition"),
        None if was_stopped => tracing::info!(%topic, %partition, "a partition that stood still goes on"),
        None => {}
    }
}
