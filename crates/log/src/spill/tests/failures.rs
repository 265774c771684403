//! Each error, and what can be done after it.
use std::fs;
use std::os::unix::fs::symlink;

use tempfile::tempdir;

use super::*;
use crate::spill::{MAX_SPILL_BUCKETS, NEW_MARK_FILE, RECORDS_FILE, remove_spill};

/// What only other plans would find is not there.
#[test]
fn another_plan_finds_nothing() {
    let (folder, plan) = (tempdir().expect("a folder"), plan(4));
    let records = Made::many(20);
    let batches = runtime().block_on(batches(&plan, &records, &[20]));
    drop(spill_all(folder.path(), &plan, &batches, end(&plan, &records)));
    let others = [
        SpillPlan { topic: TopicName::new("brainops.other").expect("a name"), ..plan.clone() },
        SpillPlan { topic_id: TopicId::new("BBBBBBBBBBBBBBBBBBBBBB").expect("an id"), ..plan.clone() },
        SpillPlan { partition: Partition::new(4).expect("4"), ..plan.clone() },
        SpillPlan { buckets: 5, ..plan.clone() },
        SpillPlan { start: Offset::new(99).expect("99"), ..plan.clone() },
    ];
    for other in others {
        assert!(Spilled::open(folder.path(), &other).expect("readable").is_none(), "{other:?}");
        assert!(Spill::resume(folder.path(), &other).expect("readable").is_none(), "{other:?}");
    }
    assert!(Spilled::open(folder.path(), &plan).expect("readable").is_some());
    let nowhere = folder.path().join("nowhere");
    assert!(Spill::resume(&nowhere, &plan).expect("readable").is_none());
    assert!(Spilled::open(&nowhere, &plan).expect("readable").is_none());
}

#[test]
fn records_of_another_partition_are_damage() {
    let (one, two) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let (here, records) = (plan(1), Made::many(20));
    let there = SpillPlan { partition: Partition::new(4).expect("4"), ..here.clone() };
    runtime().block_on(async {
        for (folder, plan) in [(&one, &here), (&two, &there)] {
            let batches = batches(plan, &records, &[20]).await;
            drop(spill_all(folder.path(), plan, &batches, end(plan, &records)));
        }
        fs::copy(two.path().join(RECORDS_FILE), one.path().join(RECORDS_FILE)).expect("copied");
        let spilled = Spilled::open(one.path(), &here).expect("readable").expect("as long as it was");
        let (seen, outcome) = read_bucket(&spilled, 0, ReadOptions::default()).await;
        assert!(seen.is_empty() && matches!(outcome, Err(SpillError::Damaged { .. })), "{outcome:?}");
    });
}

#[test]
fn a_file_that_was_cut_is_damage_when_it_was_finished_and_begins_anew_when_not() {
    let (folder, plan) = (tempdir().expect("a folder"), plan(4));
    let records = Made::many(20);
    let batches = runtime().block_on(batches(&plan, &records, &[20]));
    drop(spill_all(folder.path(), &plan, &batches, end(&plan, &records)));
    let path = folder.path().join(RECORDS_FILE);
    let file = fs::OpenOptions::new().write(true).open(&path).expect("there");
    file.set_len(file.metadata().expect("there").len() - 1).expect("cut");
    let error = Spilled::open(folder.path(), &plan).expect_err("it is cut");
    assert!(error.to_string().contains(path.to_str().expect("text")), "{error}");
    assert!(matches!(error, SpillError::Damaged { .. }), "{error}");
    assert!(Spill::resume(folder.path(), &plan).expect("readable").is_none());
    let again = spill_all(folder.path(), &plan, &batches, end(&plan, &records));
    assert_eq!(again.counts().records, 20);
}

#[test]
fn a_full_disk_is_told_and_resumed_once_there_is_room() {
    let (folder, plan) = (tempdir().expect("a folder"), plan(4));
    let records = Made::many(20);
    let batches = runtime().block_on(batches(&plan, &records, &[20]));
    drop(Spill::begin(folder.path(), plan.clone()).expect("begun"));
    let path = folder.path().join(RECORDS_FILE);
    fs::remove_file(&path).expect("removed");
    symlink("/dev/full", &path).expect("linked");
    let (mut spill, _) = Spill::resume(folder.path(), &plan).expect("readable").expect("a mark");
    spill.take(&batches[0]).expect("nothing is written yet");
    let error = spill.mark().expect_err("no room");
    let SpillError::DiskFull { folder: named, .. } = &error else { panic!("{error:?}") };
    assert_eq!(named, folder.path());
    let error = spill.take(&batches[0]).expect_err("it failed before");
    assert!(matches!(error, SpillError::Broken { .. }), "{error}");
    drop(spill);

    fs::remove_file(&path).expect("removed");
    fs::write(&path, b"").expect("there is room again");
    let (mut spill, next) = Spill::resume(folder.path(), &plan).expect("readable").expect("a mark");
    assert_eq!(next, plan.start);
    spill.take(&batches[0]).expect("taken");
    let spilled = spill.finish(end(&plan, &records)).expect("finished");
    assert_eq!(spilled.counts().records, 20);
}

#[test]
fn one_writes_or_many_read() {
    let (folder, plan) = (tempdir().expect("a folder"), plan(1));
    let is_busy = |error: SpillError| matches!(error, SpillError::Busy { .. });
    let spill = Spill::begin(folder.path(), plan.clone()).expect("begun");
    assert!(is_busy(Spill::begin(folder.path(), plan.clone()).expect_err("one writes")));
    assert!(is_busy(Spill::resume(folder.path(), &plan).expect_err("one writes")));
    assert!(is_busy(Spilled::open(folder.path(), &plan).expect_err("one writes")));
    let one = spill.finish(plan.start).expect("nothing is something");
    let two = Spilled::open(folder.path(), &plan).expect("readable").expect("finished");
    assert!(is_busy(Spill::begin(folder.path(), plan.clone()).expect_err("many read")));
    drop((one, two));
    drop(Spill::begin(folder.path(), plan).expect("nobody is there"));
}

#[test]
fn a_gap_an_overlap_and_another_log_are_named() {
    let (folder, plan) = (tempdir().expect("a folder"), plan(2));
    let records = Made::many(30);
    let mut batches = runtime().block_on(batches(&plan, &records, &[10]));
    let spill = || {
        let mut spill = Spill::begin(folder.path(), plan.clone()).expect("begun");
        spill.take(&batches[0]).expect("taken");
        spill
    };
    for index in [0, 2] {
        let error = spill().take(&batches[index]).expect_err("not the next");
        let SpillError::NotNext { wanted, found, .. } = error else { panic!("{error}") };
        assert_eq!((wanted, found), (batches[1].spans[0].from, batches[index].spans[0].from));
    }
    let error = spill().finish(plan.start).expect_err("the end lies before");
    assert!(matches!(error, SpillError::NotNext { .. }), "{error}");
    let taken = spill();
    drop(taken);

    batches[1].spans[0].previous_digest = Some(RecordDigest::from([7; 16]));
    let mut taken = Spill::begin(folder.path(), plan.clone()).expect("begun");
    taken.take(&batches[0]).expect("taken");
    let error = taken.take(&batches[1]).expect_err("another record stands before it");
    assert!(matches!(error, SpillError::OtherLog { .. }), "{error}");
    drop(taken);

    batches[0].spans[0].topic_id = TopicId::new("BBBBBBBBBBBBBBBBBBBBBB").expect("an id");
    let mut taken = Spill::begin(folder.path(), plan.clone()).expect("begun");
    let error = taken.take(&batches[0]).expect_err("another topic");
    let both = ["AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBB"];
    assert!(both.iter().all(|id| error.to_string().contains(id)), "{error}");
}

#[test]
fn numbers_of_buckets_and_buckets_have_bounds() {
    let folder = tempdir().expect("a folder");
    for buckets in [0, MAX_SPILL_BUCKETS + 1] {
        let error = Spill::begin(folder.path(), plan(buckets)).expect_err("too few or too many");
        assert!(matches!(error, SpillError::Buckets { .. }), "{error}");
        assert!(Spill::resume(folder.path(), &plan(buckets)).is_err());
        assert!(Spilled::open(folder.path(), &plan(buckets)).is_err());
    }
    let spilled = Spill::begin(folder.path(), plan(2)).expect("begun").finish(plan(2).start).expect("empty");
    let error = spilled.bucket(2, &registry(), ReadOptions::default()).expect_err("0 and 1");
    assert!(matches!(error, SpillError::Buckets { found: 2, most: 1 }), "{error}");
    assert_eq!(spilled.bucket_counts(2), None);
    assert_eq!(spilled.last_record(), None);
}

#[test]
fn what_is_of_others_is_passed_over_and_what_is_ours_removed() {
    let (folder, plan) = (tempdir().expect("a folder"), plan(2));
    let folder = folder.path().join("deep").join("down");
    let other = SpillPlan { partition: Partition::new(1).expect("1"), ..plan.clone() };
    let batches = runtime().block_on(batches(&other, &Made::many(10), &[10]));
    let spilled = spill_all(&folder, &plan, &batches, plan.start);
    assert_eq!(spilled.counts(), SpillCounts::default());
    drop(spilled);
    fs::write(folder.join(NEW_MARK_FILE), b"").expect("written");
    fs::write(folder.join("another's"), b"").expect("written");
    remove_spill(&folder).expect_err("it holds what is another's");
    assert!(folder.join("another's").exists());
    fs::remove_file(folder.join("another's")).expect("removed");
    remove_spill(&folder).expect("removed");
    assert!(!folder.exists());
    remove_spill(&folder).expect("nothing to remove");
}

#[test]
fn memory_stays_bounded_and_large_records_do_not_stay() {
    let folder = tempdir().expect("a folder");
    let mut records = Made::many(20_000);
    for (number, made) in records.iter_mut().enumerate() {
        made.key = Some(number.to_string().into_bytes());
        made.value = Some(vec![1; if number % 50 == 0 { 100_000 } else { 700 }]);
    }
    for buckets in [1, 7, 256, 1024] {
        let plan = plan(buckets);
        let mut spill = Spill::begin(folder.path(), plan.clone()).expect("begun");
        for batch in runtime().block_on(batches(&plan, &records, &[1000])) {
            spill.take(&batch).expect("taken");
            assert!(spill.buffered_bytes() <= 8 * 1024 * 1024, "{}", spill.buffered_bytes());
        }
        assert_eq!(spill.counts().records, 20_000);
    }
}
