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
    assert_eq!(window.entries.len() as u64, WINDOW_OFFSETS + 1);
    assert_eq!(window.standing.len() as u64, WINDOW_OFFSETS + 1);
}

#[test]
fn tickets_may_wrap_around() {
    let mut window = Window { oldest: Ticket::MAX - 1, ..Window::new() };
    for offset in 0..6 {
        let expected = match offset {
            0 | 1 => Verdict::New,
            _ => Verdict::Duplicate { first: at(offset % 2) },
        };
        assert_eq!(judge(&mut window, (offset, (offset % 2) as u8)), expected);
    }
    assert_eq!(judge(&mut window, (65_537, 0)), Verdict::Duplicate { first: at(2) });
}
