//! Rows 14, 15 and 16: records that nobody can read, of every kind. Exactly what cannot be taken is parked, with what
//! comes behind it; nobody panics, and memory is bounded.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use brainops_event::{Catalog, frame};
use brainops_projection::{Decide, decision_event, parked};
use brainops_trial::{Order, REFUSED, RawRecord, Scenario, Stage, event};

pub fn scenarios() -> Vec<Scenario> {
    let points = ["projection.parked", "projection.release_folded"].map(killed_at);
    let all = [
        Scenario::new(14, "a schema of another event", |stage| Box::pin(other_schema(stage))),
        Scenario::new(14, "a schema that nobody knows", |stage| Box::pin(unknown_schema(stage))),
        Scenario::new(15, "poison of every kind", |stage| Box::pin(every_kind(stage))),
        Scenario::new(15, "misplaced records", |stage| Box::pin(misplaced(stage))),
        Scenario::new(16, "the largest record, a tombstone, a bomb", |stage| Box::pin(sizes(stage))),
        held(),
        Scenario::new(15, "every parking is an event, once", |stage| Box::pin(announced(stage))),
        Scenario::new(15, "what is held comes out", |stage| Box::pin(held_and_released(stage))),
    ];
    all.into_iter().chain(points).collect()
}

/// What comes behind poison is held.
pub fn held() -> Scenario {
    Scenario::new(15, "what comes behind poison is held", |stage| Box::pin(stays_held(stage)))
}

fn killed_at(point: &'static str) -> Scenario {
    Scenario::new(1, format!("projector killed at {point}"), move |stage| Box::pin(dies_at(stage, point)))
}

/// A subject that has poison, with good events before it; the poison and good events behind it follow.
struct Case {
    subject: String,
    record: RawRecord,
}

impl Case {
    fn new(stage: &Stage, name: &str, spoil: impl FnOnce(&mut RawRecord)) -> Self {
        let subject = format!("metrics/poison-{name}");
        let number = stage.ledger.say(&subject);
        let good = event(number, &subject, "EUR");
        let mut record = RawRecord::of_event(number, &subject, frame(stage.schema(), &good.datum));
        spoil(&mut record);
        Self { subject, record }
    }
}

/// Appends good events, the poison, and good events behind it.
async fn append(stage: &mut Stage, cases: Vec<Case>) -> anyhow::Result<()> {
    let subjects: Vec<&str> = cases.iter().map(|case| case.subject.as_str()).collect();
    stage.say_about(&subjects, 2).await?;
    let records = cases.iter().map(|case| case.record.clone()).collect();
    let positions = stage.room.raw().append(&stage.room.topic(), records).await?;
    stage.expected.poison.extend(positions);
    stage.say_about(&subjects, 3).await
}

async fn begin(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak()?;
    stage.start(Order::projector("one"));
    stage.start(Order::projector("two"));
    stage.folded(100).await
}

fn without(record: &mut RawRecord, header: &str) {
    record.headers.retain(|(name, _)| name != header);
}

fn with(record: &mut RawRecord, header: &str, value: &[u8]) {
    without(record, header);
    record.headers.push((header.to_owned(), value.to_vec()));
}

fn value(record: &mut RawRecord) -> &mut Vec<u8> {
    record.value.get_or_insert_default()
}

async fn every_kind(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let datum_at = 5; // behind the frame
    let cases = vec![
        Case::new(stage, "empty", |record| value(record).clear()),
        Case::new(stage, "one-byte", |record| value(record).truncate(1)),
        Case::new(stage, "frame-cut", |record| value(record).truncate(4)),
        Case::new(stage, "only-frame", |record| value(record).truncate(datum_at)),
        Case::new(stage, "truncated", |record| {
            let half = value(record).len() - 4;
            value(record).truncate(half);
        }),
        Case::new(stage, "bad-magic", |record| value(record)[0] = 1),
        Case::new(stage, "trailing", |record| value(record).extend_from_slice(b"more")),
        Case::new(stage, "huge-length", |record| {
            value(record).truncate(datum_at);
            value(record).extend_from_slice(&[0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]);
        }),
        Case::new(stage, "negative-length", |record| {
            value(record).truncate(datum_at);
            value(record).push(0x03);
        }),
        Case::new(stage, "endless-varint", |record| {
            value(record).truncate(datum_at);
            value(record).extend_from_slice(&[0xFF; 12]);
        }),
        // behind the name of the figure and eight bytes of its value: the unit, which the fold reads
        Case::new(stage, "no-utf8", |record| value(record)[datum_at + 6 + 8 + 1] = 0xFF),
        Case::new(stage, "no-id", |record| without(record, "ce_id")),
        Case::new(stage, "no-type", |record| without(record, "ce_type")),
        Case::new(stage, "no-source", |record| without(record, "ce_source")),
        Case::new(stage, "empty-id", |record| with(record, "ce_id", b"")),
        Case::new(stage, "id-no-utf8", |record| with(record, "ce_id", &[0xFF, 0xFE])),
        Case::new(stage, "version", |record| with(record, "ce_specversion", b"2.0")),
        Case::new(stage, "media-type", |record| with(record, "content-type", b"text/plain")),
        Case::new(stage, "not-json", |record| with(record, "content-type", b"application/cloudevents+json")),
    ];
    append(stage, cases).await?;
    refused(stage).await?;
    stage.healed();
    stage.said(100).await
}

/// An event that can be read, and that the fold refuses.
pub async fn refused(stage: &mut Stage) -> anyhow::Result<()> {
    let subject = "metrics/poison-refused";
    let number = stage.ledger.say(subject);
    let bad = event(number, subject, REFUSED);
    let record = RawRecord::of_event(number, subject, frame(stage.schema(), &bad.datum));
    append(stage, vec![Case { subject: subject.to_owned(), record }]).await
}

async fn misplaced(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let without_key = Case::new(stage, "no-key", |record| {
        record.key = None;
        record.partition = Some(3);
    });
    let other_key = Case::new(stage, "other-key", |record| record.key = Some(b"metrics/another".to_vec()));
    let no_subject = Case::new(stage, "no-subject", |record| without(record, "ce_subject"));
    let mut elsewhere = Case::new(stage, "elsewhere", |_| {});
    let home = stage.partition_of(&elsewhere.subject);
    elsewhere.record.partition = Some((home + 1) % 8);
    let records = [without_key, other_key, no_subject, elsewhere].map(|case| case.record);
    // Each is parked alone: the checker knows by itself what is misplaced.
    stage.room.raw().append(&stage.room.topic(), records.to_vec()).await?;
    stage.say_about(&["metrics/poison-elsewhere"], 3).await?;
    stage.healed();
    stage.said(100).await
}

async fn other_schema(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let catalog = Catalog::builtin();
    let other =
        catalog.entries().iter().find(|entry| entry.topic != "business" && !entry.event_types.is_empty());
    let other = stage.room.registry().id_for(other.context("another schema")?).await?;
    let case = Case::new(stage, "other-schema", |record| {
        let datum = value(record)[5..].to_vec();
        *value(record) = frame(other, &datum);
    });
    append(stage, vec![case]).await?;
    stage.healed();
    stage.said(100).await
}

/// The registry's definite answer counts after a minute; until then the partition waits and the others go on.
async fn unknown_schema(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    let case =
        Case::new(stage, "unknown-schema", |record| value(record)[1..5].copy_from_slice(&[0x3F, 0, 0, 1]));
    append(stage, vec![case]).await?;
    stage.healed();
    stage.folded(300).await?; // the other partitions
    stage.expected.within = Duration::from_secs(120);
    stage.expected.named.push("schema".into());
    Ok(())
}

async fn sizes(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    stage.expected.memory_mib = 512; // a bomb of 64 MiB is unpacked by the client before anybody sees it
    let tombstone = Case::new(stage, "tombstone", |record| record.value = None);
    append(stage, vec![tombstone]).await?;
    let largest = "E".repeat(1_000_000);
    let subject = "metrics/large";
    let number = stage.ledger.say(subject);
    let large = event(number, subject, &largest);
    let good = RawRecord::of_event(number, subject, frame(stage.schema(), &large.datum));
    stage.room.raw().append(&stage.room.topic(), vec![good]).await?;
    let bomb = Case::new(stage, "bomb", |record| {
        value(record).truncate(5);
        value(record).resize(64 * 1024 * 1024, 0);
    });
    let at = stage.room.raw().append_packed(&stage.room.topic(), vec![bomb.record]).await?;
    stage.expected.poison.extend(at);
    stage.say_about(&[bomb.subject.as_str()], 3).await?;
    stage.healed();
    stage.expected.within = Duration::from_secs(60);
    stage.said(100).await
}

/// The parked row and its event are one transaction, whoever dies: each is announced, and once.
async fn announced(stage: &mut Stage) -> anyhow::Result<()> {
    stage.speak()?;
    stage.start(Order::relay("relay"));
    stage.start(Order::projector("one").announcing().striking("projection.parked=kill"));
    stage.folded(100).await?;
    two_poisoned(stage).await?;
    stage.worker("one").until_ended(Duration::from_secs(40)).await;
    ensure!(stage.worker("one").was_killed(), "it does not die: {}", stage.worker("one").last_words());
    stage.healed();
    stage.start(Order::projector("two").announcing());
    let topic = stage.room.cluster().topic("projection")?;
    let announced = || async {
        let all = stage.room.raw().all(&topic).await.unwrap_or_default();
        let events = all.into_values().flatten().filter(|event| event.kind == "projection.subject.parked");
        events.map(|event| event.id).collect::<Vec<_>>()
    };
    stage.until("both are announced", || async { announced().await.len() >= 2 }).await?;
    stage.said(100).await?;
    let ids = announced().await;
    ensure!(ids.len() == 2 && ids[0] != ids[1], "announced: {ids:?}");
    Ok(())
}

async fn stays_held(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    two_poisoned(stage).await?;
    stage.healed();
    stage.said(100).await?;
    stage.say_about(&["metrics/poison-a"], 3).await // in another batch than the poison
}

/// It comes out in order when the poison is dismissed.
async fn held_and_released(stage: &mut Stage) -> anyhow::Result<()> {
    begin(stage).await?;
    two_poisoned(stage).await?;
    stage.silence().await?;
    stage.recover().await?;
    dismiss_all(stage).await?;
    stage.healed();
    stage.speak()?;
    stage.said(100).await?;
    await_released(stage).await
}

/// Two subjects with poison, one of them with poison twice.
async fn two_poisoned(stage: &mut Stage) -> anyhow::Result<()> {
    for name in ["a", "b"] {
        let case = Case::new(stage, name, |record| value(record)[0] = 1);
        append(stage, vec![case]).await?;
    }
    Ok(())
}

async fn dismiss_all(stage: &mut Stage) -> anyhow::Result<()> {
    let found = parked(stage.room.pool(), Some("trial")).await?;
    ensure!(found.len() == stage.expected.poison.len(), "parked: {found:?}");
    let mut decisions = Vec::new();
    for subject in &found {
        decisions.push(decision_event(Decide::Dismiss(subject), "trial", "it was planted")?);
        stage.expected.dismissed.insert((subject.partition.get(), subject.first.offset.get()));
    }
    stage.append(decisions).await
}

async fn await_released(stage: &mut Stage) -> anyhow::Result<()> {
    let none =
        || async { parked(stage.room.pool(), Some("trial")).await.is_ok_and(|found| found.is_empty()) };
    let released = stage.until("what is held comes out", none).await;
    let left: BTreeMap<String, u64> = parked(stage.room.pool(), Some("trial"))
        .await?
        .into_iter()
        .map(|subject| (subject.first.to_string(), subject.held))
        .collect();
    released.with_context(|| format!("still parked: {left:?}"))
}

async fn dies_at(stage: &mut Stage, point: &str) -> anyhow::Result<()> {
    stage.speak()?;
    stage.start(Order::projector("one").striking(format!("{point}=kill")));
    stage.folded(100).await?;
    two_poisoned(stage).await?;
    let releases = point == "projection.release_folded";
    if releases {
        stage
            .until("both are parked", || async {
                parked(stage.room.pool(), Some("trial")).await.is_ok_and(|found| found.len() == 2)
            })
            .await?;
        dismiss_all(stage).await?;
    }
    stage.worker("one").until_ended(Duration::from_secs(40)).await;
    ensure!(stage.worker("one").was_killed(), "it does not die: {}", stage.worker("one").last_words());
    stage.healed();
    stage.start(Order::projector("two"));
    stage.said(100).await?;
    if releases { await_released(stage).await } else { Ok(()) }
}
