//! Following as a member of a group: offsets of the caller's, verdicts as from zero, members that come and go.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brainops_event::{Catalog, Frontier, Offset, Outgoing, Partition, TopicName};
use brainops_log::{
    AssignedPartition, Batch, ClusterError, Follower, FollowerConfig, Item, ReadError, Registry,
    RegistryConfig, Signal, delete_topics, end_frontier, ensure_topics,
};
use common::{Namespace, soon, tag, verdict};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use tokio::net::{TcpListener, TcpStream};

async fn follow(space: &Namespace, change: impl FnOnce(&mut FollowerConfig)) -> Follower {
    let mut config = FollowerConfig::new("test", vec![space.topic("git")]);
    change(&mut config);
    Follower::start(&space.cluster, &space.registry, config).await.expect("started")
}

async fn append(space: &Namespace, events: impl Iterator<Item = Outgoing>) {
    for answer in space.appender().append_all(events.collect()).await {
        answer.expect("acknowledged");
    }
}

/// Takes signals until `enough` says so of a batch; every assignment starts where `start` says.
async fn batches(
    follower: &mut Follower,
    start: impl Fn(&AssignedPartition) -> Offset,
    mut enough: impl FnMut(&Batch) -> bool,
) -> Vec<Batch> {
    let mut batches = Vec::new();
    soon("enough batches", async {
        loop {
            match follower.next().await {
                Signal::Assigned(assignment) => {
                    let partitions = assignment.partitions().iter();
                    let starts =
                        partitions.map(|one| (one.topic.clone(), one.partition, start(one))).collect();
                    assignment.start(starts);
                }
                Signal::Batch(batch) => {
                    batches.push(batch);
                    if batches.last().is_some_and(&mut enough) {
                        break;
                    }
                }
                Signal::Idle(_) | Signal::Revoked(_) => {}
                Signal::Failed(error) => panic!("{error}"),
            }
        }
    })
    .await;
    batches
}

fn from_zero(_: &AssignedPartition) -> Offset {
    Offset::ZERO
}

/// True once so many records have come.
fn records(wanted: usize) -> impl FnMut(&Batch) -> bool {
    let mut seen = 0;
    move |batch| {
        seen += batch.len();
        seen >= wanted
    }
}

async fn failure(follower: &mut Follower, start: impl Fn(&AssignedPartition) -> Offset) -> ReadError {
    soon("a failure", async {
        loop {
            match follower.next().await {
                Signal::Assigned(assignment) => {
                    let partitions = assignment.partitions().iter();
                    let starts =
                        partitions.map(|one| (one.topic.clone(), one.partition, start(one))).collect();
                    assignment.start(starts);
                }
                Signal::Failed(error) => break error,
                _ => {}
            }
        }
    })
    .await
}

#[tokio::test]
async fn verdicts_do_not_depend_on_where_following_began() {
    Namespace::run("follow", 1, |space| async move {
        let ids = ["1", "2", "1", "3", "2", "4", "1"];
        append(&space, ids.iter().map(|id| tag("s", id))).await;
        let end = Offset::new(ids.len() as i64).expect("not negative");
        let mut all = Vec::new();
        for start in [0, 1, 4, 6] {
            let start = Offset::new(start).expect("not negative");
            let mut follower = follow(&space, |_| {}).await;
            let reached_end = |batch: &Batch| batch.spans()[0].through == end;
            let batches = batches(&mut follower, |_| start, reached_end).await;
            follower.stop().await;
            let verdicts: Vec<_> =
                batches.iter().flat_map(|batch| batch.items()).map(|item| verdict(&item)).collect();
            assert_eq!((verdicts[0].0, batches[0].spans()[0].from), (start, start));
            all.push(verdicts);
        }
        for verdicts in &all[1..] {
            assert!(all[0].ends_with(verdicts), "{:?} does not end with {verdicts:?}", all[0]);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_appended_meanwhile_comes_and_then_nothing_is_behind() {
    Namespace::run("live", 2, |space| async move {
        let mut follower = follow(&space, |_| {}).await;
        append(&space, (0..5).map(|id| tag("s", &id.to_string()))).await;
        batches(&mut follower, from_zero, records(5)).await;
        append(&space, (5..10).map(|id| tag("s", &id.to_string()))).await;
        let later = batches(&mut follower, from_zero, records(5)).await;
        let digests: Vec<_> = later.iter().flat_map(Batch::spans).collect();
        assert!(
            digests.iter().all(|span| span.previous_digest.is_some() && span.log_end >= Some(span.through))
        );
        let lags = soon("no news", async {
            loop {
                if let Signal::Idle(lags) = follower.next().await {
                    break lags;
                }
            }
        })
        .await;
        follower.stop().await;
        assert_eq!(lags.len(), 2);
        assert!(
            lags.iter().all(|lag| lag.offsets == 0 && lag.seconds == 0.0 && lag.next == lag.end),
            "{lags:?}"
        );
        assert_eq!(lags.iter().map(|lag| lag.next.get()).sum::<i64>(), 10);
    })
    .await;
}

/// What two members keep together: how far each partition is, and what was folded. A batch moves a partition only
/// from where it stands.
#[derive(Clone, Default)]
struct Store {
    inside: Arc<Mutex<(Frontier, Vec<String>)>>,
}

impl Store {
    fn start(&self, one: &AssignedPartition) -> Offset {
        self.inside.lock().expect("whole").0.get(&one.topic, one.partition).unwrap_or(Offset::ZERO)
    }

    fn apply(&self, batch: &Batch) {
        let mut inside = self.inside.lock().expect("whole");
        let (frontier, folded) = &mut *inside;
        let mut won = BTreeSet::new();
        for span in batch.spans() {
            let stands = frontier.get(&span.topic, span.partition).unwrap_or(Offset::ZERO);
            if stands == span.from {
                frontier.set(span.topic.clone(), span.partition, span.through);
                won.insert(span.partition);
            }
        }
        for item in batch.items() {
            if let Item::Event(event) = item
                && won.contains(&event.partition)
            {
                folded.push(event.envelope.id().to_owned());
            }
        }
    }

    fn folded(&self) -> Vec<String> {
        self.inside.lock().expect("whole").1.clone()
    }
}

/// A member that applies what it gets until it is told to leave; counts the partitions that it has.
struct Member {
    has: Arc<Mutex<BTreeSet<Partition>>>,
    leave: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Member {
    async fn join(space: &Namespace, store: &Store) -> Member {
        let mut follower = follow(space, |config| config.max_records = 50).await;
        let (leave, mut left) = tokio::sync::oneshot::channel();
        let has = Arc::new(Mutex::new(BTreeSet::new()));
        let (has_now, store) = (Arc::clone(&has), store.clone());
        let task = tokio::spawn(async move {
            loop {
                let signal = tokio::select! {
                    signal = follower.next() => signal,
                    _ = &mut left => break,
                };
                match signal {
                    Signal::Assigned(assignment) => {
                        let partitions = assignment.partitions().iter();
                        has_now.lock().expect("whole").extend(partitions.clone().map(|one| one.partition));
                        let starts =
                            partitions.map(|one| (one.topic.clone(), one.partition, store.start(one)));
                        let starts = starts.collect();
                        assignment.start(starts);
                    }
                    Signal::Revoked(partitions) => {
                        let mut has = has_now.lock().expect("whole");
                        has.retain(|partition| !partitions.iter().any(|(_, revoked)| revoked == partition));
                    }
                    Signal::Batch(batch) => store.apply(&batch),
                    Signal::Idle(_) => {}
                    Signal::Failed(error) => panic!("{error}"),
                }
            }
            follower.stop().await;
        });
        Member { has, leave, task }
    }

    async fn has(&self, partitions: usize) {
        soon("partitions", async {
            while self.has.lock().expect("whole").len() != partitions {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    async fn leave(self) {
        self.leave.send(()).expect("it lives");
        soon("its end", self.task).await.expect("it did not panic");
    }
}

#[tokio::test]
async fn members_come_and_go_and_every_event_is_folded_once() {
    Namespace::run("rebalance", 4, |space| async move {
        let store = Store::default();
        let events =
            |from: usize| (from..from + 500).map(|id| tag(&format!("s{}", id % 40), &id.to_string()));
        append(&space, events(0)).await;
        let one = Member::join(&space, &store).await;
        one.has(4).await;
        let two = Member::join(&space, &store).await;
        append(&space, events(500)).await;
        two.has(2).await;
        one.has(2).await;
        append(&space, events(1000)).await;
        one.leave().await;
        two.has(4).await;
        append(&space, events(1500)).await;
        soon("all events", async {
            while store.folded().len() < 2000 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        two.leave().await;

        let mut ids: Vec<usize> = store.folded().iter().map(|id| id.parse().expect("a number")).collect();
        let mut of_subject: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        ids.iter().for_each(|id| of_subject.entry(id % 40).or_default().push(*id));
        assert!(of_subject.values().all(|ids| ids.is_sorted()), "each subject in order");
        ids.sort_unstable();
        assert_eq!(ids, (0..2000).collect::<Vec<_>>());
        let end = end_frontier(&space.cluster, &[space.topic("git")]).await.expect("an end");
        assert!(store.inside.lock().expect("whole").0.has_reached(&end));
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_takes_its_time_loses_nothing_and_stays_in_the_group() {
    Namespace::run("slow", 2, |space| async move {
        append(&space, (0..2000).map(|id| tag(&format!("s{}", id % 9), &id.to_string()))).await;
        let mut follower = follow(&space, |config| config.max_records = 100).await;
        let mut all = batches(&mut follower, from_zero, |_| true).await;
        tokio::time::sleep(Duration::from_secs(3)).await; // the work of a slow caller: longer than fetching goes on
        let rest = 2000 - all[0].len();
        all.extend(batches(&mut follower, |_| panic!("it never left"), records(rest)).await);
        follower.stop().await;
        assert!(all.iter().all(|batch| batch.len() <= 100));
        assert_eq!(all.iter().map(Batch::len).sum::<usize>(), 2000);
        let mut next: BTreeMap<Partition, Offset> = BTreeMap::new();
        for span in all.iter().flat_map(Batch::spans) {
            let expected = next.insert(span.partition, span.through).unwrap_or(Offset::ZERO);
            assert_eq!(span.from, expected, "spans follow each other");
        }
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_bounded_by_bytes_and_a_larger_record_comes_alone() {
    Namespace::run("bytes", 1, |space| async move {
        let sized = |id: usize, size: usize| Outgoing { datum: vec![0; size], ..tag("s", &id.to_string()) };
        append(
            &space,
            [100, 100, 9000, 100, 9000, 9000, 100].iter().enumerate().map(|(id, size)| sized(id, *size)),
        )
        .await;
        let mut follower = follow(&space, |config| config.max_bytes = 2000).await;
        let batches = batches(&mut follower, from_zero, records(7)).await;
        follower.stop().await;
        for batch in &batches {
            assert!(
                batch.bytes() <= 2000 || batch.len() == 1,
                "{} records, {} bytes",
                batch.len(),
                batch.bytes()
            );
        }
        assert_eq!(batches.iter().filter(|batch| batch.bytes() > 2000).count(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_partition_that_is_held_gives_no_more_while_others_do() {
    Namespace::run("hold", 2, |space| async move {
        let subjects = ["a", "b", "c", "d", "e", "f"];
        append(&space, subjects.iter().map(|subject| tag(subject, subject))).await;
        let mut follower = follow(&space, |_| {}).await;
        batches(&mut follower, from_zero, records(6)).await;
        let held = Partition::new(0).expect("0");
        follower.hold(&space.topic("git"), held);
        let again =
            |round: usize| subjects.iter().map(move |subject| tag(subject, &format!("{subject}{round}")));
        let others = {
            let count = brainops_event::PartitionCount::new(2).expect("2");
            let home = |subject: &&&str| brainops_event::partition_for(subject.as_bytes(), count) != held;
            subjects.iter().filter(home).count()
        };
        append(&space, again(1)).await;
        let later = batches(&mut follower, from_zero, records(others)).await;
        follower.stop().await;
        assert!(later.iter().flat_map(Batch::spans).all(|span| span.partition != held));
    })
    .await;
}

#[tokio::test]
async fn an_offset_outside_of_the_log_names_both_sides() {
    Namespace::run("beyond", 1, |space| async move {
        append(&space, (0..3).map(|id| tag("s", &id.to_string()))).await;
        let mut follower = follow(&space, |_| {}).await;
        let error = failure(&mut follower, |_| Offset::new(7).expect("7")).await;
        let ReadError::OutOfRange { wanted, low, end, .. } = &error else { panic!("{error}") };
        assert_eq!((wanted.get(), low.get(), end.get()), (7, 0, 3));
        assert!(error.to_string().contains("from offset 7, the log there goes from 0 to 3"), "{error}");
        assert!(matches!(follower.next().await, Signal::Failed(ReadError::Ended)));
        follower.stop().await;
    })
    .await;
}

#[tokio::test]
async fn history_that_was_cut_off_meanwhile_is_never_skipped() {
    Namespace::run("cut", 1, |space| async move {
        append(&space, (0..9).map(|id| tag("s", &id.to_string()))).await;
        let git = space.topic("git");
        let mut follower = follow(&space, |_| {}).await;
        let assignment = soon("an assignment", async {
            loop {
                if let Signal::Assigned(assignment) = follower.next().await {
                    break assignment;
                }
            }
        })
        .await;
        let admin: AdminClient<DefaultClientContext> = space.raw("admin").create().expect("a client");
        let mut cut = rdkafka::TopicPartitionList::new();
        cut.add_partition_offset(git.as_str(), 0, rdkafka::Offset::Offset(5)).expect("a place");
        admin.delete_records(&cut, &AdminOptions::new()).await.expect("cut off");
        assignment.start(vec![(git, Partition::new(0).expect("0"), Offset::ZERO)]);
        let error = failure(&mut follower, from_zero).await;
        follower.stop().await;
        let ReadError::OutOfRange { wanted, low, end, .. } = &error else { panic!("{error}") };
        assert_eq!((wanted.get(), low.get(), end.get()), (0, 5, 9));
    })
    .await;
}

#[tokio::test]
async fn an_assignment_must_be_answered_and_for_each_partition_once() {
    Namespace::run("answer", 2, |space| async move {
        let mut follower = follow(&space, |_| {}).await;
        let error = soon("a failure", async {
            loop {
                match follower.next().await {
                    Signal::Assigned(assignment) => drop(assignment),
                    Signal::Failed(error) => break error,
                    _ => {}
                }
            }
        })
        .await;
        assert!(matches!(error, ReadError::Unanswered { .. }), "{error}");
        follower.stop().await;

        let mut follower = follow(&space, |_| {}).await;
        let error = soon("a failure", async {
            loop {
                match follower.next().await {
                    Signal::Assigned(assignment) => {
                        let one = &assignment.partitions()[0];
                        let start = vec![(one.topic.clone(), one.partition, Offset::ZERO)];
                        assignment.start(start);
                    }
                    Signal::Failed(error) => break error,
                    _ => {}
                }
            }
        })
        .await;
        assert!(matches!(error, ReadError::Answer { found: 0, .. }), "{error}");
        follower.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_named() {
    Namespace::run("nowhere", 1, |space| async move {
        let nowhere = space.topic("nowhere");
        let config = FollowerConfig::new("test", vec![space.topic("git"), nowhere.clone()]);
        let error = Follower::start(&space.cluster, &space.registry, config).await.expect_err("missing");
        let ReadError::Cluster(ClusterError::MissingTopic { topic, .. }) = error else { panic!("{error}") };
        assert_eq!(topic, nowhere);
    })
    .await;
}

#[tokio::test]
async fn a_topic_that_is_deleted_and_made_again_ends_following() {
    Namespace::run("again", 1, |space| async move {
        append(&space, (0..3).map(|id| tag("s", &id.to_string()))).await;
        let mut follower = follow(&space, |_| {}).await;
        batches(&mut follower, from_zero, records(3)).await;
        let git = space.topic("git");
        delete_topics(&space.cluster, std::slice::from_ref(&git)).await.expect("deleted");
        soon("the topic to be made again", async {
            while ensure_topics(&space.cluster, Catalog::builtin()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
        let error = failure(&mut follower, |_| panic!("nothing is assigned anew")).await;
        let names = |topic: &TopicName| *topic == git;
        assert!(
            matches!(&error, ReadError::OtherTopic { topic, .. } if names(topic))
                || matches!(&error, ReadError::Cluster(ClusterError::MissingTopic { topic, .. }) if names(topic)),
            "{error}"
        );
        follower.stop().await;
    })
    .await;
}

/// A door to the registry that can be shut.
async fn shut_door(space: &Namespace) -> (RegistryConfig, Arc<AtomicBool>) {
    let real = space.stack.registry.url.clone();
    let address = real.trim_start_matches("http://").split('/').next().expect("an address").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let open = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    tokio::spawn(async move {
        while let Ok((mut inside, _)) = listener.accept().await {
            if !is_open.load(Ordering::SeqCst) {
                continue; // dropped
            }
            let address = address.clone();
            tokio::spawn(async move {
                if let Ok(mut outside) = TcpStream::connect(address).await {
                    tokio::io::copy_bidirectional(&mut inside, &mut outside).await.ok();
                }
            });
        }
    });
    let url = format!("http://127.0.0.1:{port}/apis/ccompat/v7");
    (RegistryConfig { url, ..space.stack.registry.clone() }, open)
}

#[tokio::test]
async fn while_the_registry_cannot_be_asked_records_wait() {
    Namespace::run("registry", 1, |space| async move {
        append(&space, (0..3).map(|id| tag("s", &id.to_string()))).await;
        let (config, open) = shut_door(&space).await;
        let registry = Registry::new(config).expect("the configuration holds");
        let config = FollowerConfig {
            unknown_schema_patience: Duration::ZERO, // no answer is not "unknown", however little patience
            ..FollowerConfig::new("test", vec![space.topic("git")])
        };
        let mut follower = Follower::start(&space.cluster, &registry, config).await.expect("started");
        let mut waited = 0;
        let batch = soon("the batch", async {
            loop {
                match follower.next().await {
                    Signal::Assigned(assignment) => {
                        let one = assignment.partitions()[0].clone();
                        assignment.start(vec![(one.topic, one.partition, Offset::ZERO)]);
                    }
                    Signal::Idle(lags) if lags.iter().any(|lag| lag.offsets == 3 && lag.seconds > 0.0) => {
                        waited += 1;
                        open.store(waited >= 2, Ordering::SeqCst);
                    }
                    Signal::Batch(batch) => break batch,
                    Signal::Failed(error) => panic!("{error}"),
                    _ => {}
                }
            }
        })
        .await;
        follower.stop().await;
        assert!(waited >= 2);
        assert!(batch.items().all(|item| matches!(item, Item::Event(_))));
        assert_eq!(batch.len(), 3);
    })
    .await;
}
