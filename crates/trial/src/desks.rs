//! I4: what every saga must be and have decided, told again by a pure model in the order that `saga.reacted` says, and
//! held against the tables and the log.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::Context as _;
use brainops_event::types::saga::{SagaReacted, SagaTimerFired};
use brainops_event::{Recorded, Timestamp, TopicName, TypedEvent as _};
use brainops_log::{Batch, Item, end_frontier, read, start_frontier};
use brainops_saga::{Cast, Life, Selection, replay};
use serde_json::Value;
use sqlx::PgPool;

use crate::clerk::{CLERK, Clerk};
use crate::judge::Invariant;
use crate::model::{SOURCE, number_of};
use crate::stage::Stage;

/// How many violations of one invariant are told.
const TOLD: usize = 5;

/// What is found, and how often each event of the driver was taken.
#[derive(Debug, Default)]
pub(crate) struct Desks {
    pub(crate) wrong: Vec<(Invariant, String)>,
    pub(crate) taken: BTreeMap<u64, i64>,
}

impl Desks {
    fn add(&mut self, invariant: Invariant, what: String) {
        if self.wrong.iter().filter(|(one, _)| *one == invariant).count() < TOLD {
            self.wrong.push((invariant, what));
        }
    }
}

/// Ids of events in the order of the log, by the topic's own name and the subject.
type Told = BTreeMap<(String, String), Vec<String>>;

/// Holds the sagas against the log.
pub(crate) async fn look_at_desks(stage: &Stage) -> anyhow::Result<Desks> {
    let cluster = stage.room.cluster();
    let names = ["business", "agent", "saga"].map(|name| cluster.topic(name));
    let topics: Vec<TopicName> = names.into_iter().collect::<Result<_, _>>()?;
    let (from, to) = (start_frontier(cluster, &topics).await?, end_frontier(cluster, &topics).await?);
    let mut reading = read(cluster, stage.room.registry(), &from, &to).await?;
    let mut batches: Vec<Batch> = Vec::new();
    while let Some(batch) = reading.next().await {
        batches.push(batch?);
    }
    let items: Vec<Item<'_>> = batches.iter().flat_map(Batch::items).collect();
    let story = Story::of(&items)?;
    let mut desks = Desks::default();
    let retold = story.retell(&mut desks)?;
    story.compare_log(&retold, &mut desks);
    compare_tables(stage.room.pool(), &story, &retold, &mut desks).await?;
    // The digests of state that `saga.reacted` has are the runtime's own.
    let selection = Selection { correlation: None, from, to };
    let cast = Cast::of(Clerk)?;
    let again = replay(&cast, &cluster.read_only(), stage.room.registry(), &selection).await?;
    if again.differing + again.unfinished > 0 {
        let what = format!("{} transactions differ, {} are unfinished", again.differing, again.unfinished);
        desks.add(Invariant::I2, format!("replay: {what}: {:?}", again.first_divergence()));
    }
    Ok(desks)
}

/// What the log says.
struct Story<'a> {
    events: HashMap<String, &'a Recorded<'a>>,
    said: Told,
    reacted: BTreeMap<String, Vec<SagaReacted>>,
    fired: Vec<(String, SagaTimerFired)>,
    /// By the decision's id: when the broker recorded the first word of its turn, and when the decision itself.
    turns: HashMap<String, Timestamp>,
    decided: HashMap<String, Timestamp>,
}

/// What must have been said, by the model.
struct Retold {
    life: Life,
    said: Told,
    /// Subject, source and id of each input that was taken.
    inputs: HashSet<(String, String, String)>,
}

impl<'a> Story<'a> {
    fn of(items: &'a [Item<'a>]) -> anyhow::Result<Self> {
        let mut story = Self {
            events: HashMap::new(),
            said: Told::new(),
            reacted: BTreeMap::new(),
            fired: Vec::new(),
            turns: HashMap::new(),
            decided: HashMap::new(),
        };
        let own = format!("brainops/agent/{CLERK}");
        for item in items {
            let Item::Event(event) = item else { continue };
            story.events.insert(event.position().to_string(), event);
            let subject = event.envelope.subject().unwrap_or_default().to_owned();
            match event.envelope.event_type() {
                SagaReacted::EVENT_TYPE => {
                    let reacted: SagaReacted = event.typed()?;
                    for decision in &reacted.decisions {
                        story.turns.entry(decision.id.clone()).or_insert(event.recorded_at);
                    }
                    story.reacted.entry(subject).or_default().push(reacted);
                }
                SagaTimerFired::EVENT_TYPE => story.fired.push((subject, event.typed()?)),
                kind if event.envelope.source() == own => {
                    let place = (topic_of(kind), subject);
                    story.decided.entry(event.envelope.id().to_owned()).or_insert(event.recorded_at);
                    story.said.entry(place).or_default().push(event.envelope.id().to_owned());
                }
                _ => {}
            }
        }
        Ok(story)
    }

    /// Lets the model take every input, each saga's in the order that was told.
    fn retell(&self, desks: &mut Desks) -> anyhow::Result<Retold> {
        let life = Life::new(Cast::of(Clerk)?);
        let mut retold = Retold { life, said: Told::new(), inputs: HashSet::new() };
        for (subject, transactions) in &self.reacted {
            for (revision, one) in (1..).zip(transactions) {
                if one.revision != revision {
                    let what =
                        format!("{subject}: transaction {} is told where {revision} must be", one.revision);
                    desks.add(Invariant::I4, what);
                }
                let mut decided = Vec::new();
                for position in &one.consumed {
                    match self.events.get(position) {
                        Some(event) => decided.extend(retold.take(subject, event, desks)?),
                        None => desks.add(Invariant::I6, format!("{subject}: nothing stands at {position}")),
                    }
                }
                let told: Vec<&str> = one.decisions.iter().map(|decision| decision.id.as_str()).collect();
                if told != decided {
                    let what =
                        format!("{subject}: transaction {revision} decides {told:?}, the model {decided:?}");
                    desks.add(Invariant::I4, what);
                }
            }
        }
        Ok(retold)
    }

    /// Every input is taken; what stands in the log is what the model says, in its order; timers fire as they were set.
    fn compare_log(&self, retold: &Retold, desks: &mut Desks) {
        let taken: HashSet<(&str, &str)> =
            retold.inputs.iter().map(|(_, source, id)| (source.as_str(), id.as_str())).collect();
        for (position, event) in &self.events {
            let (source, id) = (event.envelope.source(), event.envelope.id());
            let is_input = source == SOURCE || event.envelope.event_type() == SagaTimerFired::EVENT_TYPE;
            if is_input && !taken.contains(&(source, id)) {
                desks.add(Invariant::I4, format!("{id} at {position} is taken by no saga"));
            }
        }
        let places: BTreeSet<_> = self.said.keys().chain(retold.said.keys()).collect();
        for place in places {
            let all = |told: &Told| told.get(place).cloned().unwrap_or_default();
            let (found, expected) = (all(&self.said), all(&retold.said));
            if found != expected {
                let at = found.iter().zip(&expected).take_while(|(one, other)| one == other).count();
                let (there, here) = (found.len(), expected.len());
                let what =
                    format!("{place:?}: {there} events stand, the model has {here}, other from {at} on");
                desks.add(Invariant::I4, what);
            }
        }
        // One broker's clock has set both times.
        for (id, recorded_at) in &self.decided {
            if let Some(turn) = self.turns.get(id).filter(|turn| *turn > recorded_at) {
                let what = format!("{id} stands at {recorded_at}, before its turn is told at {turn}");
                desks.add(Invariant::I4, what);
            }
        }
        let set: HashSet<&String> = retold.said.values().flatten().collect();
        let mut fired = HashSet::new();
        for (subject, one) in &self.fired {
            if !set.contains(&one.setting) {
                desks.add(Invariant::I4, format!("{subject}: a timer fires that nobody has set: {one:?}"));
            }
            if !fired.insert(&one.setting) {
                desks.add(Invariant::I4, format!("{subject}: a timer fires twice: {one:?}"));
            }
        }
    }
}

impl Retold {
    /// Takes an input; answers the ids of what is decided.
    fn take(
        &mut self,
        subject: &str,
        event: &Recorded<'_>,
        desks: &mut Desks,
    ) -> anyhow::Result<Vec<String>> {
        let (source, id) = (event.envelope.source().to_owned(), event.envelope.id().to_owned());
        if let (true, Some(number)) = (source == SOURCE, number_of(&id)) {
            *desks.taken.entry(number).or_default() += 1;
        }
        if !self.inputs.insert((subject.to_owned(), source, id.clone())) {
            desks.add(Invariant::I4, format!("{subject} takes {id} twice"));
        }
        let mut decided = Vec::new();
        for written in self.life.take(event).with_context(|| format!("the model cannot take {id}"))? {
            let envelope = &written.event.envelope;
            let (kind, id) = (envelope.event_type().as_str(), envelope.id().to_string());
            if kind == SagaReacted::EVENT_TYPE {
                continue; // one for each transaction; the model has one for each input
            }
            let place = (topic_of(kind), written.event.key().to_owned());
            self.said.entry(place).or_default().push(id.clone());
            decided.extend((!written.is_fact).then_some(id));
        }
        Ok(decided)
    }
}

fn topic_of(event_type: &str) -> String {
    event_type.split('.').next().unwrap_or_default().to_owned()
}

/// What a row of a saga holds: run, version, status, state, the rest, and how many transactions it has had.
type Row = (i32, i32, String, String, Value, i64);

async fn compare_tables(
    pool: &PgPool,
    story: &Story<'_>,
    retold: &Retold,
    desks: &mut Desks,
) -> anyhow::Result<()> {
    let sql = "SELECT correlation, run, version, status, state::text, book::jsonb, revision \
                 FROM brainops.saga WHERE agent = $1";
    let rows: Vec<(String, i32, i32, String, String, Value, i64)> =
        sqlx::query_as(sql).bind(CLERK).fetch_all(pool).await?;
    let rows = rows.into_iter().map(|(name, run, version, status, state, book, revision)| {
        (name, (run, version, status, state, book, revision))
    });
    let found: BTreeMap<String, Row> = rows.collect();
    let (mut expected, mut timers) = (BTreeMap::<String, Row>::new(), BTreeSet::new());
    for one in retold.life.instances() {
        let revision = story.reacted.get(&format!("{CLERK}/{}", one.correlation)).map_or(0, Vec::len);
        let (version, revision) = (i32::try_from(one.version)?, i64::try_from(revision)?);
        let book = serde_json::to_value(&one.book)?;
        let (status, state) = (one.status().to_owned(), one.state.clone());
        expected.insert(one.correlation.clone(), (one.run, version, status, state, book, revision));
        let open = one.book.timers.values();
        timers.extend(open.map(|open| (open.setting.to_string(), one.correlation.clone(), open.deadline)));
    }
    let names: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    for name in names {
        if found.get(name) != expected.get(name) {
            let (row, model) = (found.get(name), expected.get(name));
            desks.add(Invariant::I2, format!("{name} is {row:?}, by the model {model:?}"));
        }
    }
    let sql = "SELECT setting, correlation, deadline FROM brainops.saga_timer WHERE agent = $1";
    let rows: Vec<(String, String, Timestamp)> = sqlx::query_as(sql).bind(CLERK).fetch_all(pool).await?;
    let rows: BTreeSet<_> = rows.into_iter().collect();
    for (kind, mut all) in [("lost", timers.difference(&rows)), ("nobody's", rows.difference(&timers))] {
        if let Some(first) = all.next() {
            desks.add(Invariant::I4, format!("{} timers are {kind}, as {first:?}", all.count() + 1));
        }
    }
    let counts = "SELECT (SELECT count(*) FROM brainops.saga_inbox), (SELECT count(*) FROM brainops.saga_kept), \
                         (SELECT count(*) FROM brainops.saga_unrouted)";
    let counts: (i64, i64, i64) = sqlx::query_as(counts).fetch_one(pool).await?;
    let must_be = (i64::try_from(retold.inputs.len())?, 0, 0);
    if counts != must_be {
        let what = format!("inbox, kept and unrouted have {counts:?} rows, and must have {must_be:?}");
        desks.add(Invariant::I2, what);
    }
    Ok(())
}

impl Stage {
    /// Waits until sagas have taken so many more inputs than now.
    ///
    /// # Errors
    /// When they have not in time.
    pub async fn reacted(&self, more: i64) -> anyhow::Result<()> {
        let sql = "SELECT count(*) FROM brainops.saga_inbox";
        let enough = self.room.number(sql).await.unwrap_or(0) + more;
        let taken = || async { self.room.number(sql).await.is_ok_and(|taken| taken >= enough) };
        self.until("sagas take inputs", taken).await
    }

    /// What is still to be done for the sagas, in words; nothing: all is read, decided, fired and sent.
    pub(crate) async fn undone(&self) -> anyhow::Result<Option<String>> {
        let cluster = self.room.cluster();
        let topics = ["business", "saga"].map(|name| cluster.topic(name));
        let topics: Vec<TopicName> = topics.into_iter().collect::<Result<_, _>>()?;
        let before = end_frontier(cluster, &topics).await?;
        let sql = "SELECT (SELECT count(*) FROM brainops.outbox WHERE log_offset IS NULL), \
                          (SELECT count(*) FROM brainops.saga_timer WHERE deadline < now() + interval '10 minutes'), \
                          coalesce((SELECT jsonb_object_agg(topic || '/' || partition, next_offset) \
                                      FROM brainops.saga_checkpoint), '{}')";
        let (unsent, due, next): (i64, i64, Value) = sqlx::query_as(sql).fetch_one(self.room.pool()).await?;
        let behind = before.iter().map(|(topic, partition, end)| {
            end.get() - next[format!("{topic}/{partition}")].as_i64().unwrap_or(0)
        });
        let behind: i64 = behind.sum();
        if unsent + due + behind > 0 {
            return Ok(Some(format!("{unsent} events unsent, {due} timers due, {behind} records not read")));
        }
        // What was appended between the two looks may be somebody's input.
        let is_still = end_frontier(cluster, &topics).await? == before;
        Ok((!is_still).then(|| "the log still grows".to_owned()))
    }
}
