//! What is set aside is what comes back, whatever happens in between.
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::tempdir;

use super::*;
use crate::batch::Item;
use crate::spill::{MARK_FILE, NEW_MARK_FILE, RECORDS_FILE, bucket_of};
use crate::window::Misplacement;

fn header() -> impl Strategy<Value = (Vec<u8>, Option<Vec<u8>>)> {
    let name = prop_oneof![
        Just(b"ce_id".to_vec()),
        Just(b"ce_subject".to_vec()),
        Just(b"CE_ID".to_vec()),
        Just(b"__value_schema_id".to_vec()),
        vec(1u8.., 0..6), // a name may be empty, and need not be UTF-8; the client's ends at a zero byte
    ];
    (name, option::of(vec(any::<u8>(), 0..9)))
}

/// Events with odd headers beside, structured ones, and records of which nothing can be made.
fn made() -> impl Strategy<Value = Made> {
    let key = prop_oneof!["[a-e]".prop_map(String::into_bytes), vec(any::<u8>(), 0..6)];
    let verdict = prop_oneof![
        6 => Just(Verdict::New),
        1 => Just(Verdict::Duplicate { first: Offset::ZERO }),
        1 => prop_oneof![
            Just(Misplacement::NullKey),
            Just(Misplacement::NoSubject),
            Just(Misplacement::KeyIsNotSubject),
            Just(Misplacement::WrongPartition { expected: Partition::new(7).expect("7") }),
        ].prop_map(Verdict::Misplaced),
    ];
    let value = option::of(prop_oneof![
        vec(1u8.., 0..40), // a zero in front would name a schema
        Just(
            br#"{"specversion":"1.0","id":"1","source":"x","type":"other.thing","subject":"a","data":[1]}"#
                .to_vec()
        ),
        vec(1u8..2, 20_000..20_001),
    ]);
    let kind = (0u8..4, vec(header(), 0..4));
    (key, value, kind, verdict, 1i64..5, any::<u32>()).prop_map(
        |(key, value, (kind, odd), verdict, gap, time)| {
            let mut made =
                Made { value, verdict, gap, recorded_at_ms: i64::from(time), ..Made::event("s", 1) };
            match kind {
                0 => made.headers = odd,
                1 => {
                    made.headers =
                        vec![(b"content-type".into(), Some(b"application/cloudevents+json".into()))]
                }
                2 => made.headers.push((b"\xff\xfe".into(), None)),
                _ => {}
            }
            let is_keyless = verdict == Verdict::Misplaced(Misplacement::NullKey);
            made.key = (!is_keyless).then_some(key);
            made
        },
    )
}

fn options() -> impl Strategy<Value = ReadOptions> {
    (0usize..9, 0usize..60_000).prop_map(|(records, bytes)| {
        let unknown_schema_patience = Duration::ZERO;
        ReadOptions { records, bytes, unknown_schema_patience }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_set_aside_comes_back(
        records in vec(made(), 0..60),
        sizes in vec(1usize..20, 1..4),
        buckets in prop_oneof![Just(1u32), 2u32..9, Just(1024)],
        options in options(),
    ) {
        let (folder, plan) = (tempdir().expect("a folder"), plan(buckets));
        runtime().block_on(async {
            let batches = batches(&plan, &records, &sizes).await;
            let end = end(&plan, &records);
            drop(spill_all(folder.path(), &plan, &batches, end));
            let spilled = Spilled::open(folder.path(), &plan).expect("readable").expect("finished");
            let found = everything(&spilled, options).await;
            assert_eq!(found.buckets, expected(&batches, buckets));
            check_rest(&found, &batches);
            assert_eq!(spilled.end(), end);
        });
    }

    /// Killed at any moment after a mark: what lies behind the mark may be there, cut, or anything else.
    #[test]
    fn a_crash_and_a_resumption_leave_no_trace(
        records in vec(made(), 1..50),
        sizes in vec(1usize..9, 1..4),
        crash_at in any::<Index>(),
        marks in vec(any::<bool>(), 1..9),
        kept in any::<Index>(),
        garbage in vec(any::<u8>(), 0..64),
        is_garbled in any::<bool>(),
    ) {
        let (whole, broken, plan) = (tempdir().expect("a folder"), tempdir().expect("a folder"), plan(4));
        let folder = broken.path();
        runtime().block_on(async {
            let batches = batches(&plan, &records, &sizes).await;
            let end = end(&plan, &records);
            let whole = spill_all(whole.path(), &plan, &batches, end);

            let mut spill = Spill::begin(folder, plan.clone()).expect("begun");
            let (mut marked, mut position, mut length) = (0, plan.start, 0);
            let file = || OpenOptions::new().write(true).open(folder.join(RECORDS_FILE)).expect("there");
            for index in 0..=crash_at.index(batches.len()) {
                spill.take(&batches[index]).expect("taken");
                if marks[index % marks.len()] {
                    spill.mark().expect("marked");
                    (marked, position) = (index + 1, spill.next());
                    length = file().metadata().expect("there").len();
                }
            }
            drop(spill);
            let behind = file().metadata().expect("there").len() - length;
            if is_garbled {
                file().write_all_at(&garbage, length).expect("written");
            } else {
                file().set_len(length + kept.index(behind as usize + 1) as u64).expect("cut");
            }
            let mut half = std::fs::File::create(folder.join(NEW_MARK_FILE)).expect("made");
            half.write_all(&garbage).expect("written");

            assert!(Spilled::open(folder, &plan).expect("readable").is_none(), "it is not finished");
            let (mut spill, next) = Spill::resume(folder, &plan).expect("readable").expect("a mark");
            assert_eq!((next, spill.next()), (position, position));
            for batch in &batches[marked..] {
                spill.take(batch).expect("taken");
            }
            let resumed = spill.finish(end).expect("finished");
            let options = ReadOptions::default();
            assert_eq!(everything(&resumed, options).await, everything(&whole, options).await);
        });
    }

    /// A flipped byte is an error that names the file, and what came before it is true.
    #[test]
    fn a_changed_file_never_gives_other_records(
        records in vec(made(), 1..40),
        at in any::<Index>(),
        flipped in 1u8..,
    ) {
        let (folder, plan) = (tempdir().expect("a folder"), plan(3));
        runtime().block_on(async {
            let batches = batches(&plan, &records, &[7]).await;
            let expected = expected(&batches, 3);
            let spilled = spill_all(folder.path(), &plan, &batches, end(&plan, &records));
            let path = folder.path().join(RECORDS_FILE);
            let mut bytes = std::fs::read(&path).expect("readable");
            if bytes.is_empty() {
                return; // duplicates only
            }
            let at = at.index(bytes.len());
            bytes[at] ^= flipped;
            std::fs::write(&path, &bytes).expect("written");
            let mut damages = 0;
            for number in 0..3 {
                let (seen, outcome) = read_bucket(&spilled, number, ReadOptions::default()).await;
                let expected = &expected[number as usize];
                match outcome {
                    Ok(()) => assert_eq!(&seen, expected),
                    Err(SpillError::Damaged { path: named, .. }) => {
                        assert_eq!(named, path);
                        assert!(expected.starts_with(&seen));
                        damages += 1;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            let misplaced: Vec<_> = spilled.misplaced().collect();
            damages += misplaced.iter().filter(|one| one.is_err()).count();
            assert_eq!(damages, 1, "byte {at} is of one block");
        });
    }
}

fn check_rest(found: &Everything, batches: &[Batch]) {
    let mut counts = SpillCounts::default();
    let mut misplaced = found.misplaced.iter();
    for batch in batches {
        for (record, item) in batch.records.list.iter().zip(batch.items()) {
            match item {
                Item::Duplicate { .. } => counts.duplicates += 1,
                Item::Misplaced { place, key, envelope, reason } => {
                    counts.misplaced += 1;
                    let one = misplaced.next().expect("it was kept");
                    assert_eq!((&one.position, one.recorded_at), (&place.position(), place.recorded_at));
                    assert_eq!((one.key.as_deref(), one.reason), (key, reason));
                    assert_eq!(one.source.as_deref(), envelope.as_ref().map(|envelope| envelope.source()));
                    assert_eq!(one.id.as_deref(), envelope.as_ref().map(|envelope| envelope.id()));
                }
                Item::Event(_) | Item::Poison { .. } => {
                    counts.records += 1;
                    counts.bytes += batch.records.kept(record).bytes.len() as u64;
                }
            }
        }
    }
    assert_eq!(found.counts, counts);
    assert!(misplaced.next().is_none());
    let last = batches.last().map(|batch| (batch.spans[0].last_digest, batch.spans[0].last_recorded_at));
    assert_eq!(found.last_record, last);
}

/// Computed apart, after the published SipHash with one and three rounds.
#[test]
fn the_bucket_of_a_key_never_changes() {
    for (key, expected) in [(&b""[..], 922), (b"lead-1", 72), (b"repository/tags/v1.2.3", 721)] {
        assert_eq!(bucket_of(key, 1000), expected, "{key:?}");
    }
    assert_eq!(bucket_of(b"lead-1", 1), 0);
}

#[test]
fn a_mark_that_was_changed_is_none() {
    let (folder, plan) = (tempdir().expect("a folder"), plan(2));
    drop(Spill::begin(folder.path(), plan.clone()).expect("begun"));
    let path = folder.path().join(MARK_FILE);
    let whole = std::fs::read(&path).expect("readable");
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&path, &changed).expect("written");
        assert!(Spill::resume(folder.path(), &plan).expect("readable").is_none(), "byte {at}");
        std::fs::write(&path, &whole[..at]).expect("written");
        assert!(Spill::resume(folder.path(), &plan).expect("readable").is_none(), "cut at {at}");
    }
    std::fs::write(&path, &whole).expect("written");
    assert!(Spill::resume(folder.path(), &plan).expect("readable").is_some());
}
