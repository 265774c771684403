use proptest::prelude::*;

use super::*;

/// The rule as written, over the whole log at once.
fn naive(log: &[(i64, u8)], index: usize) -> Verdict {
    let (offset, event) = log[index];
    let earliest = offset - WINDOW_OFFSETS as i64;
    match log[..index].iter().find(|(before, same)| *same == event && *before >= earliest) {
        Some((first, _)) => Verdict::Duplicate { first: at(*first) },
        None => Verdict::New,
    }
}

fn at(offset: i64) -> Offset {
    Offset::new(offset).expect("not negative")
}

fn identity(event: u8) -> Identity {
    Identity::of(b"test", &[event])
}

fn judge(window: &mut Window, (offset, event): (i64, u8)) -> Verdict {
    window.judge(at(offset), Some(identity(event)), Ok(()))
}

/// Offsets with gaps about as wide as the window, so that its edge is met often.
fn logs() -> impl Strategy<Value = Vec<(i64, u8)>> {
    let gap = prop_oneof![
        4 => 1i64..4,
        3 => Just(WINDOW_OFFSETS as i64 / 2),
        2 => WINDOW_OFFSETS as i64 / 2 - 2..WINDOW_OFFSETS as i64 / 2 + 2,
        2 => WINDOW_OFFSETS as i64 - 2..WINDOW_OFFSETS as i64 + 3,
    ];
    proptest::collection::vec((gap, 0u8..6), 0..60).prop_map(|steps| {
        let mut offset = 0;
        steps
            .into_iter()
            .map(|(gap, event)| {
                offset += gap;
                (offset, event)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn the_window_is_the_rule(log in logs()) {
        let mut window = Window::new();
        for index in 0..log.len() {
            prop_assert_eq!(judge(&mut window, log[index]), naive(&log, index), "at {}", index);
        }
    }

    #[test]
    fn a_refilled_window_judges_like_one_from_zero(log in logs(), start in 0usize..60) {
        prop_assume!(start < log.len());
        let refill_from = log[start].0 - WINDOW_OFFSETS as i64;
        let mut window = Window::new();
        for (index, record) in log.iter().enumerate().filter(|(_, record)| record.0 >= refill_from) {
            let verdict = judge(&mut window, *record);
            if index >= start {
                prop_assert_eq!(verdict, naive(&log, index), "at {}", index);
            }
        }
    }
}

#[test]
fn the_edge_is_65_536_offsets_back() {
    let mut window = Window::new();
    assert_eq!(judge(&mut window, (7, 1)), Verdict::New);
    assert_eq!(judge(&mut window, (7 + 65_536, 1)), Verdict::Duplicate { first: at(7) });

    let mut window = Window::new();
    assert_eq!(judge(&mut window, (7, 1)), Verdict::New);
    assert_eq!(judge(&mut window, (7 + 65_537, 1)), Verdict::New);
}

#[test]
fn a_dropped_duplicate_stands_as_well() {
    let mut window = Window::new();
    judge(&mut window, (0, 1));
    judge(&mut window, (40_000, 1));
    assert_eq!(judge(&mut window, (80_000, 1)), Verdict::Duplicate { first: at(40_000) });
    assert_eq!(judge(&mut window, (120_000, 1)), Verdict::Duplicate { first: at(80_000) });
}

#[test]
fn a_misplaced_record_stands_as_well_and_a_repeat_is_a_duplicate_wherever_it_lies() {
    let mut window = Window::new();
    let wrong = Err(Misplacement::KeyIsNotSubject);
    assert_eq!(
        window.judge(at(0), Some(identity(1)), wrong),
        Verdict::Misplaced(Misplacement::KeyIsNotSubject)
    );
    assert_eq!(judge(&mut window, (1, 1)), Verdict::Duplicate { first: at(0) });
    assert_eq!(window.judge(at(2), Some(identity(1)), wrong), Verdict::Duplicate { first: at(0) });
}

#[test]
fn what_has_no_identity_repeats_nothing() {
    let mut window = Window::new();
    assert_eq!(window.judge(at(0), None, Ok(())), Verdict::New);
    assert_eq!(window.judge(at(1), None, Ok(())), Verdict::New);
}

#[test]
fn source_and_id_do_not_run_together() {
    assert_ne!(Identity::of(b"ab", b"c"), Identity::of(b"a", b"bc"));
    assert_eq!(Identity::of(b"ab", b"c"), Identity::of(b"ab", b"c"));
}

#[test]
fn memory_is_bounded_by_the_window() {
    let mut window = Window::new();
    for offset in 0..200_000 {
        window.judge(at(offset), Some(Identity::of(b"test", &offset.to_be_bytes())), Ok(()));
    }
    let without_repeats = window.bytes();
    judge(&mut window, (200_000, 1));
    judge(&mut window, (200_001, 1));
    assert_eq!((without_repeats, window.bytes()), (1_589_248 + size_of::<Window>(), WINDOW_BYTES));
    assert_eq!(WINDOW_BYTES / 1024, 1808);
}

#[test]
fn a_quiet_partition_takes_little() {
    let mut window = Window::new();
    assert!(window.bytes() < 512, "{}", window.bytes());
    for offset in 1_000_000..1_000_100 {
        judge(&mut window, (offset, (offset % 7) as u8));
    }
    assert!(window.bytes() < 8_192, "{}", window.bytes());
}

#[test]
fn one_event_said_a_million_times_takes_no_longer_than_many() {
    let mut window = Window::new();
    assert_eq!(judge(&mut window, (0, 1)), Verdict::New);
    for offset in 1..1_000_000 {
        let first = at((offset - WINDOW_OFFSETS as i64).max(0));
        assert_eq!(judge(&mut window, (offset, 1)), Verdict::Duplicate { first });
    }
    assert_eq!(window.bytes(), WINDOW_BYTES);
}

/// Against the rule as written, with a memory of every record: a dense log of a few thousand events, each said again
/// after any number of records, so that places in the table are shared, left and closed in every way.
#[test]
fn a_long_dense_log_is_judged_by_the_rule() {
    let mut window = Window::new();
    let mut said: std::collections::HashMap<u64, std::collections::VecDeque<i64>> = Default::default();
    let mut state = 0x2545_f491_4f6c_dd1du64;
    for offset in 0..400_000i64 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let event = match state % 4 {
            0 => state % 50,                        // said all the time
            1 => 100 + state / 7 % 60_000,          // about once in a window
            _ => 1_000_000 + offset.unsigned_abs(), // once
        };
        let before = said.entry(event).or_default();
        while before.front().is_some_and(|first| offset - first > WINDOW_OFFSETS as i64) {
            before.pop_front();
        }
        let expected = before.front().map_or(Verdict::New, |first| Verdict::Duplicate { first: at(*first) });
        before.push_back(offset);
        let identity = Identity::of(b"test", &event.to_be_bytes());
        assert_eq!(window.judge(at(offset), Some(identity), Ok(())), expected, "at {offset}");
    }
}
