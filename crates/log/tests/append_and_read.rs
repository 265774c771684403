//! What is appended is what is read, and every record gets its verdict.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use std::time::Duration;

use brainops_event::types::git::TagCreated;
use brainops_event::{
    Body, Frontier, Offset, Outgoing, Partition, PartitionCount, SchemaId, frame, partition_for,
};
use brainops_log::{
    AppendError, Appended, Follower, FollowerConfig, Item, MAX_RECORD_BYTES, Outcome, PoisonError, ReadError,
    Signal, end_frontier, lag, read, start_frontier,
};
use common::{Namespace, soon, tag, verdict};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

/// A record as any client could write it.
struct Raw {
    key: Option<&'static str>,
    partition: Option<i32>,
    headers: Vec<(&'static str, &'static str)>,
    value: Option<Vec<u8>>,
}

impl Raw {
    /// Like the appender's, of the event `id` about `subject`, with another key.
    fn event(key: Option<&'static str>, subject: &'static str, id: &'static str, value: Vec<u8>) -> Raw {
        let headers = vec![
            ("content-type", "application/vnd.confluent.avro"),
            ("ce_specversion", "1.0"),
            ("ce_id", id),
            ("ce_source", "brainops/test"),
            ("ce_type", "git.tag.created"),
            ("ce_subject", subject),
        ];
        Raw { key, partition: None, headers, value: Some(value) }
    }

    async fn send(self, space: &Namespace) -> (i32, i64) {
        let producer: FutureProducer = space.raw("appender").create().expect("a client");
        let topic = space.topic("git");
        let headers = self
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
        let mut record: FutureRecord<'_, str, [u8]> = FutureRecord::to(topic.as_str()).headers(headers);
        record.key = self.key;
        record.partition = self.partition;
        record.payload = self.value.as_deref();
        let delivery = producer.send(record, Duration::from_secs(10)).await.expect("acknowledged");
        (delivery.partition, delivery.offset)
    }
}

async fn value(space: &Namespace, id: &str) -> Vec<u8> {
    let Outgoing { schema, datum, .. } = tag("any", id);
    frame(space.registry.id_for(schema).await.expect("registered"), &datum)
}

async fn verdicts(space: &Namespace) -> Vec<String> {
    let mut all = Vec::new();
    for batch in space.read_all(&space.topic("git")).await {
        all.extend(batch.items().map(|item| verdict(&item)));
    }
    all.sort();
    all.into_iter().map(|(_, verdict)| verdict).collect()
}

#[tokio::test]
async fn what_is_appended_is_read_back_equal() {
    Namespace::run("equal", 3, |space| async move {
        let appender = space.appender();
        let mut sent = Vec::new();
        for number in 0..20 {
            let event = tag(&format!("repo/tags/v{number}"), &number.to_string());
            let appended = appender.append(event.clone()).await.expect("acknowledged");
            let count = PartitionCount::new(3).expect("3");
            assert_eq!(appended.position.partition, partition_for(event.key().as_bytes(), count));
            sent.push((event, appended));
        }
        let mut read = 0;
        for batch in space.read_all(&space.topic("git")).await {
            for item in batch.items() {
                let Item::Event(event) = item else { panic!("{item:?}") };
                let (outgoing, Appended { position, recorded_at }) = sent
                    .iter()
                    .find(|(outgoing, _)| outgoing.envelope.id().as_str() == event.envelope.id())
                    .expect("one of ours");
                assert_eq!((event.position(), event.recorded_at), (position.clone(), *recorded_at));
                assert_eq!(event.envelope, outgoing.envelope.view());
                assert_eq!(
                    event.typed::<TagCreated>().expect("decodes").tag,
                    outgoing.envelope.id().as_str()
                );
                let Body::Avro { datum, .. } = event.body else { panic!("avro") };
                assert_eq!(datum, outgoing.datum);
                read += 1;
            }
        }
        assert_eq!(read, sent.len());
    })
    .await;
}

#[tokio::test]
async fn many_at_once_keep_their_order_within_a_subject() {
    Namespace::run("order", 3, |space| async move {
        let events = (0..3000).map(|number| tag(&format!("s{}", number % 7), &number.to_string())).collect();
        let answers = space.appender().append_all(events).await;
        assert_eq!(answers.len(), 3000);
        let answers: Vec<Appended> =
            answers.into_iter().map(|answer| answer.expect("acknowledged")).collect();
        for subject in 0..7 {
            let of_subject = answers.iter().skip(subject).step_by(7);
            assert!(of_subject.clone().zip(of_subject.skip(1)).all(|(one, two)| one.position < two.position));
        }
        let read: usize = space.read_all(&space.topic("git")).await.iter().map(|batch| batch.len()).sum();
        assert_eq!(read, 3000);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused_before_it_is_sent_and_keeps_back_no_other() {
    Namespace::run("large", 1, |space| async move {
        let large = tag("s", "x");
        let large = Outgoing { datum: vec![0; MAX_RECORD_BYTES], ..large };
        let answers = space.appender().append_all(vec![tag("s", "1"), large, tag("s", "2")]).await;
        let [Ok(_), Err(error), Ok(_)] = answers.as_slice() else { panic!("{answers:?}") };
        assert!(matches!(error, AppendError::TooLarge { limit: MAX_RECORD_BYTES, .. }), "{error}");
        assert_eq!(error.outcome(), Outcome::NeverThere);

        let fitting = Outgoing { datum: vec![0; MAX_RECORD_BYTES - 500], ..tag("s", "3") };
        space.appender().append(fitting).await.expect("the largest that is allowed passes the broker");
    })
    .await;
}

#[tokio::test]
async fn an_appender_that_may_not_append_says_so_and_lives_on() {
    Namespace::run("refused", 1, |space| async move {
        let mut kafka = space.stack.kafka.clone();
        kafka.appender = kafka.reader.clone();
        let cluster =
            brainops_log::Cluster::new(kafka, space.cluster.log_config().clone()).expect("it holds");
        let appender = brainops_log::Appender::new(&cluster, &space.registry).expect("a client");
        for _ in 0..2 {
            let error = soon("an answer", appender.append(tag("s", "1"))).await.expect_err("refused");
            assert_eq!(error.outcome(), Outcome::NeverThere, "{error:?}");
        }
        let answers =
            soon("answers", appender.append_all((0..5).map(|id| tag("s", &id.to_string())).collect())).await;
        assert!(answers.iter().all(|answer| answer.is_err()), "{answers:?}");
        assert!(verdicts(&space).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn repeats_and_misplaced_records_are_named() {
    Namespace::run("verdicts", 4, |space| async move {
        let count = PartitionCount::new(4).expect("4");
        let appender = space.appender();
        let first = appender.append(tag("s", "1")).await.expect("acknowledged").position;
        appender.append(tag("s", "2")).await.expect("acknowledged");
        appender.append(tag("s", "1")).await.expect("acknowledged");
        Raw::event(None, "s", "3", value(&space, "3").await).send(&space).await;
        Raw::event(Some("other"), "s", "4", value(&space, "4").await).send(&space).await;
        let home = partition_for(b"s", count);
        let wrong = (home.get() + 1) % 4;
        let raw = Raw::event(Some("s"), "s", "5", value(&space, "5").await);
        assert_eq!(Raw { partition: Some(wrong), ..raw }.send(&space).await.0, wrong);

        let mut found = verdicts(&space).await;
        found.sort();
        let mut expected = vec![
            "new 1".to_owned(),
            "new 2".to_owned(),
            format!("duplicate of {}", first.offset),
            "misplaced: the record has no key".to_owned(),
            "misplaced: the key is not the subject".to_owned(),
            format!("misplaced: the key belongs to partition {home}"),
        ];
        expected.sort();
        assert_eq!(found, expected);
    })
    .await;
}

#[tokio::test]
async fn a_client_of_any_language_is_read_the_same() {
    Namespace::run("foreign", 1, |space| async move {
        let id = space.registry.id_for(tag("any", "1").schema).await.expect("registered");
        let datum = tag("any", "1").datum;
        // the schema in a header, the bare datum as value, no content type
        let mut by_header = Raw::event(Some("s"), "s", "1", datum.clone());
        by_header.headers.remove(0);
        let header = [&[0][..], &id.get().to_be_bytes()].concat();
        let header: &'static [u8] = header.leak();
        let producer: FutureProducer = space.raw("appender").create().expect("a client");
        let mut headers = OwnedHeaders::new().insert(Header { key: "__value_schema_id", value: Some(header) });
        for (key, value) in &by_header.headers {
            headers = headers.insert(Header { key, value: Some(*value) });
        }
        let topic = space.topic("git");
        let record = FutureRecord::to(topic.as_str()).key("s").payload(&datum).headers(headers);
        producer.send(record, Duration::from_secs(10)).await.expect("acknowledged");
        // a CloudEvent as JSON, of a type of ours and of another
        let content = vec![("content-type", "application/cloudevents+json; charset=UTF-8")];
        let own = r#"{"specversion": "1.0", "id": "2", "source": "x", "type": "git.tag.created", "subject": "s",
            "data": {"repository": "r", "tag": "2", "sha": "0"}}"#;
        let other = r#"{"specversion": "1.0", "id": "3", "source": "x", "type": "org.example.thing", "subject": "s",
            "data": {"a": [1, 2]}}"#;
        for json in [own, other] {
            let value = Some(json.as_bytes().to_vec());
            Raw { key: Some("s"), partition: None, headers: content.clone(), value }.send(&space).await;
        }
        // an event without data
        Raw { value: None, ..Raw::event(Some("s"), "s", "4", Vec::new()) }.send(&space).await;

        let batches = space.read_all(&topic).await;
        let items: Vec<Item<'_>> = batches.iter().flat_map(|batch| batch.items()).collect();
        let bodies: Vec<String> = items
            .iter()
            .map(|item| {
                let Item::Event(event) = item else { panic!("{item:?}") };
                match &event.body {
                    Body::Avro { .. } => format!("tag {}", event.typed::<TagCreated>().expect("decodes").tag),
                    Body::Json(text) => format!("json {}", text.contains("org.example.thing")),
                    Body::Empty => "empty".to_owned(),
                }
            })
            .collect();
        assert_eq!(bodies, ["tag 1", "tag 2", "json true", "empty"]);
    })
    .await;
}

#[tokio::test]
async fn what_can_never_be_read_is_poison_and_says_why() {
    Namespace::run("poison", 1, |space| async move {
        let good = value(&space, "1").await;
        let commit = brainops_event::Catalog::builtin().by_name("brainops.git.CommitCreated").expect("ours");
        let other = space.registry.id_for(commit).await.expect("registered");
        let magic = [&[7][..], &good[1..]].concat();
        let mut json = Raw::event(Some("s"), "s", "j", b"{}".to_vec());
        json.headers[0].1 = "application/json";
        let mut nameless = Raw::event(Some("s"), "s", "n", good.clone());
        nameless.headers.retain(|(name, _)| *name != "ce_type");
        let structured = vec![("content-type", "application/cloudevents+json")];
        let structured =
            Raw { key: Some("s"), partition: None, headers: structured, value: Some(b"{".to_vec()) };
        for raw in [
            Raw::event(Some("s"), "s", "a", Vec::new()),
            Raw::event(Some("s"), "s", "b", magic),
            Raw::event(Some("s"), "s", "c", frame(other, &good[5..])),
            json,
            nameless,
            structured,
        ] {
            raw.send(&space).await;
        }
        let batches = space.read_all(&space.topic("git")).await;
        let errors: Vec<PoisonError> = batches
            .iter()
            .flat_map(|batch| batch.items())
            .map(|item| match item {
                Item::Poison { subject: Some("s"), error, .. } => error,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(
            matches!(
                errors.as_slice(),
                [
                    PoisonError::Frame(_),
                    PoisonError::Frame(_),
                    PoisonError::OtherSchema { wanted: "brainops.git.TagCreated", .. },
                    PoisonError::Headers(_),
                    PoisonError::Headers(_),
                    PoisonError::Structured { .. },
                ]
            ),
            "{errors:#?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_schema_that_stays_unknown_is_poison_and_what_follows_is_delivered() {
    Namespace::run("unknown", 1, |space| async move {
        let unknown = frame(SchemaId::new(1_999_999_999), b"datum");
        Raw::event(Some("s"), "s", "1", unknown).send(&space).await;
        space.appender().append(tag("s", "2")).await.expect("acknowledged");
        let config = FollowerConfig {
            unknown_schema_patience: Duration::from_secs(2),
            ..FollowerConfig::new(space.cluster.log_config().prefix.clone(), vec![space.topic("git")])
        };
        let mut follower = Follower::start(&space.cluster, &space.registry, config).await.expect("started");
        let mut waited = 0;
        let verdicts = soon("a batch", async {
            loop {
                match follower.next().await {
                    Signal::Assigned(assignment) => {
                        let starts = assignment.partitions().iter();
                        let starts =
                            starts.map(|one| (one.topic.clone(), one.partition, Offset::ZERO)).collect();
                        assignment.start(starts);
                    }
                    Signal::Batch(batch) => {
                        break batch.items().map(|item| verdict(&item).1).collect::<Vec<_>>();
                    }
                    Signal::Idle(lags) => waited += usize::from(lags.iter().any(|lag| lag.seconds > 0.0)),
                    other => panic!("{other:?}"),
                }
            }
        })
        .await;
        follower.stop().await;
        assert!(waited >= 1, "it says that it lives while it waits");
        assert_eq!(verdicts, ["poison: the registry has no schema 1999999999", "new 2"]);
    })
    .await;
}

#[tokio::test]
async fn lag_is_0_seconds_at_the_end_and_the_age_of_the_first_record_before_it() {
    Namespace::run("lag", 2, |space| async move {
        let topic = space.topic("git");
        let start = start_frontier(&space.cluster, std::slice::from_ref(&topic)).await.expect("a start");
        let appended = space.appender().append(tag("s", "1")).await.expect("acknowledged");
        let end = end_frontier(&space.cluster, std::slice::from_ref(&topic)).await.expect("an end");
        assert_eq!(
            end.topic_id(&topic),
            Some(&space.topics.iter().find(|one| one.topic == topic).expect("it").id)
        );
        assert!(end.has_reached(&start) && !start.has_reached(&end));

        let at_end = lag(&space.cluster, &end).await.expect("lag");
        assert!(at_end.iter().all(|lag| lag.offsets == 0 && lag.seconds == 0.0), "{at_end:?}");

        soon("a moment after the record's", async {
            while chrono::Utc::now() <= appended.recorded_at {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let at_start = lag(&space.cluster, &start).await.expect("lag");
        let age = (chrono::Utc::now() - appended.recorded_at).to_std().expect("past").as_secs_f64();
        for lag in at_start {
            let has_it = lag.partition == appended.position.partition;
            assert_eq!(lag.offsets, u64::from(has_it), "{lag:?}");
            assert_eq!(lag.seconds > 0.0, has_it, "{lag:?}");
            assert!(lag.seconds <= age, "{lag:?} is older than {age}");
        }
    })
    .await;
}

#[tokio::test]
async fn every_start_of_a_small_log_gives_the_verdicts_of_a_reader_from_zero() {
    Namespace::run("starts", 1, |space| async move {
        let topic = space.topic("git");
        let ids = ["1", "2", "1", "3", "2", "4", "1", "5", "5", "3", "6", "1"];
        let events = ids.iter().map(|id| tag("s", id)).collect();
        for answer in space.appender().append_all(events).await {
            answer.expect("acknowledged");
        }
        let from_zero = verdicts(&space).await;
        let end = end_frontier(&space.cluster, std::slice::from_ref(&topic)).await.expect("an end");
        let mut digests = Vec::new();
        for start in 0..=ids.len() {
            let mut from = Frontier::new();
            let partition = Partition::new(0).expect("0");
            from.set(topic.clone(), partition, Offset::new(start as i64).expect("not negative"));
            let mut reading = read(&space.cluster, &space.registry, &from, &end).await.expect("readable");
            let mut found = Vec::new();
            while let Some(batch) = reading.next().await {
                let batch = batch.expect("a batch");
                found.extend(batch.items().map(|item| verdict(&item).1));
                let span = &batch.spans()[0];
                assert_eq!((span.from.get(), span.through.get()), (start as i64, ids.len() as i64));
                assert_eq!(span.previous_digest.is_some(), start > 0);
                digests.push(span.last_digest);
            }
            assert_eq!(found, from_zero[start..], "from {start}");
        }
        assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "the last record is the same for all");
    })
    .await;
}

#[tokio::test]
async fn a_frontier_outside_of_the_log_names_both() {
    Namespace::run("range", 1, |space| async move {
        let topic = space.topic("git");
        space.appender().append(tag("s", "1")).await.expect("acknowledged");
        let mut to = end_frontier(&space.cluster, std::slice::from_ref(&topic)).await.expect("an end");
        to.set(topic.clone(), Partition::new(0).expect("0"), Offset::new(9).expect("9"));
        let error = read(&space.cluster, &space.registry, &Frontier::new(), &to).await.expect_err("beyond");
        let ReadError::OutOfRange { wanted, low, end, .. } = error else { panic!("{error}") };
        assert_eq!((wanted.get(), low.get(), end.get()), (9, 0, 1));
    })
    .await;
}
