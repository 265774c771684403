//! Following as a member of a group: offsets of the caller's, verdicts as from zero, members that come and go.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]
#[path = "../common/mod.rs"]
mod common;
mod drive;
mod members;
mod pace;
mod refusals;

use std::collections::BTreeMap;
use std::time::Duration;

use brainops_event::{Offset, Outgoing, Partition};
use brainops_log::{Batch, Signal};
use common::{Namespace, soon, tag, verdict};
use drive::{append, batches, follow, from_zero, records};

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
