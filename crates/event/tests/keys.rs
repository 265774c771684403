//! Which partition a key belongs to, against facts of Kafka's own Java client, and ids that must never change.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use brainops_event::{Partition, PartitionCount, Source, derived_id, murmur2, new_id, partition_for};
use proptest::prelude::*;

#[test]
fn murmur2_is_that_of_the_java_client() {
    let facts: [(&[u8], i32); 6] = [
        (b"21", -973_932_308),
        (b"foobar", -790_332_482),
        (b"a-little-bit-long-string", -985_981_536),
        (b"a-little-bit-longer-string", -1_486_304_829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        (b"abc", 479_470_107),
    ];
    for (key, hash) in facts {
        assert_eq!(murmur2(key).cast_signed(), hash, "{}", String::from_utf8_lossy(key));
    }
}

#[test]
fn a_negative_hash_is_made_positive_by_its_mask_not_by_its_absolute_value() {
    // murmur2("21") is -973932308; without its sign bit it is 1173551340
    let eight = PartitionCount::new(8).unwrap();
    assert_eq!(partition_for(b"21", eight), Partition::new(1_173_551_340 % 8).unwrap());
    let thousand = PartitionCount::new(1000).unwrap();
    assert_eq!(partition_for(b"21", thousand), Partition::new(340).unwrap());
}

proptest! {
    #[test]
    fn every_key_has_a_partition_within_the_count(key: Vec<u8>, count in 1_i32..) {
        let partition = partition_for(&key, PartitionCount::new(count).unwrap());
        prop_assert!((0..count).contains(&partition.get()));
    }
}

#[test]
fn a_derived_id_never_changes() {
    let source = Source::new("brainops/import/git/shop-0123456789ab").unwrap();
    let id = derived_id(&source, &["git.commit.created", "0a1b"]);
    assert_eq!(id.as_str(), "dc7aedfd-af69-5f0e-9b6d-ea71226b46eb");
    assert_eq!(id, derived_id(&source, &["git.commit.created", "0a1b"]));
}

#[test]
fn parts_of_a_derived_id_do_not_run_into_each_other() {
    let source = Source::new("brainops/test").unwrap();
    let ids = [
        derived_id(&source, &["a", "bc"]),
        derived_id(&source, &["ab", "c"]),
        derived_id(&source, &["abc"]),
        derived_id(&source, &["abc", ""]),
        derived_id(&source, &[]),
        derived_id(&Source::new("brainops/test2").unwrap(), &["abc"]),
    ];
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
}

#[test]
fn a_new_id_is_the_uuid_that_the_caller_brings() {
    let fresh = uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
    assert_eq!(new_id(fresh).as_str(), "01900000-0000-7000-8000-000000000001");
}
