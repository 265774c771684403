//! Members of one group share its partitions, and come and go.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brainops_event::{Frontier, Offset, Partition};
use brainops_log::{AssignedPartition, Batch, FollowerConfig, GroupProtocol, Item, Signal, end_frontier};

use crate::common::{Namespace, soon, tag};
use crate::drive::{append, follow};

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
    async fn join(space: &Namespace, store: &Store, protocol: GroupProtocol) -> Member {
        let change = |config: &mut FollowerConfig| {
            config.max_records = 50;
            config.protocol = protocol;
        };
        let mut follower = follow(space, change).await;
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
    come_and_go(GroupProtocol::Classic).await;
}

#[tokio::test]
async fn members_of_the_newer_protocol_come_and_go_as_well() {
    come_and_go(GroupProtocol::Consumer).await;
}

async fn come_and_go(protocol: GroupProtocol) {
    Namespace::run("rebalance", 4, |space| async move {
        let store = Store::default();
        let events =
            |from: usize| (from..from + 500).map(|id| tag(&format!("s{}", id % 40), &id.to_string()));
        append(&space, events(0)).await;
        let one = Member::join(&space, &store, protocol).await;
        one.has(4).await;
        let two = Member::join(&space, &store, protocol).await;
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
