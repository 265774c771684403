use super::*;

fn place(partition: i32) -> Place {
    (TopicName::new("brainops.lead").unwrap(), Partition::new(partition).unwrap())
}

fn identity(name: &str) -> Identity {
    Identity::of(b"crm", name.as_bytes())
}

fn row(outbox_id: i64, partition: i32, send_no: i64, name: &str) -> Row {
    Row { outbox_id, place: place(partition), send_no, identity: identity(name) }
}

fn seen(partition: i32, offset: i64, name: &str) -> Seen {
    let offset = Offset::new(offset).unwrap();
    Seen { place: place(partition), offset, recorded_at: Timestamp::default(), identity: identity(name) }
}

fn confirmed(plan: &Plan) -> Vec<(i64, i64)> {
    plan.confirmed.iter().map(|one| (one.outbox_id, one.offset.get())).collect()
}

#[test]
fn without_rows_or_without_a_log_there_is_little_to_decide() {
    assert_eq!(plan(&[], &[seen(0, 1, "foreign")]), Plan::default());
    let decided = plan(&[row(2, 0, 2, "b"), row(1, 0, 1, "a")], &[]);
    assert_eq!((confirmed(&decided), decided.resend), (vec![], vec![1, 2]));
}

#[test]
fn what_stands_is_confirmed_at_its_first_record_and_the_rest_is_sent_in_order() {
    let rows = [row(7, 0, 3, "c"), row(5, 0, 1, "a"), row(3, 0, 2, "b"), row(4, 0, 4, "d")];
    let tail =
        [seen(0, 10, "a"), seen(0, 11, "foreign"), seen(0, 12, "b"), seen(0, 13, "a"), seen(0, 14, "b")];
    let decided = plan(&rows, &tail);
    assert_eq!(confirmed(&decided), [(5, 10), (3, 12)]);
    assert_eq!(decided.resend, [7, 4]); // by number, whatever the row
}

#[test]
fn a_gap_is_filled_from_the_first_missing_row_on() {
    let rows = [row(1, 0, 1, "a"), row(2, 0, 2, "b"), row(3, 0, 3, "c")];
    let decided = plan(&rows, &[seen(0, 5, "a"), seen(0, 6, "c")]);
    assert_eq!((confirmed(&decided), decided.resend), (vec![(1, 5), (3, 6)], vec![2]));
}

#[test]
fn a_partition_says_nothing_about_another() {
    let rows = [row(1, 0, 1, "a"), row(2, 1, 1, "b"), row(3, 1, 2, "c")];
    let decided = plan(&rows, &[seen(1, 9, "c"), seen(1, 10, "a")]);
    assert_eq!((confirmed(&decided), decided.resend), (vec![(3, 9)], vec![1, 2]));
}

#[test]
fn the_planted_mistake_loses_what_was_not_found() {
    let rows = [row(1, 0, 1, "a"), row(2, 1, 1, "b"), row(3, 1, 2, "c")];
    let (found, none) = (seen(1, 9, "b"), None);
    let decided = from_highest(&rows.iter().collect::<Vec<_>>(), &[none, Some(&found), none]);
    assert_eq!((confirmed(&decided), decided.resend), (vec![(1, 9), (2, 9)], vec![3]));
}

#[test]
fn a_log_that_is_another_stops_its_partition_and_names_both_sides() {
    let offset = |number| Offset::new(number).unwrap();
    let remembered = Remembered { place: place(3), topic_id: "old".to_owned(), read_through: offset(10) };
    let shown = |id: &str, low, end| Shown {
        topic_id: TopicId::new(id).unwrap(),
        low: offset(low),
        end: offset(end),
    };
    for good in [shown("old", 0, 10), shown("old", 10, 10), shown("old", 5, 99)] {
        assert_eq!(must_stop(&remembered, Some(&good)), None, "{good:?}");
    }
    for (bad, words) in [
        (Some(shown("new", 0, 10)), ["old", "new"]),
        (Some(shown("old", 0, 9)), ["10", "up to 9"]),
        (Some(shown("old", 11, 20)), ["10", "from 11"]),
        (None, ["brainops.lead", "no such partition 3"]),
    ] {
        let reason = must_stop(&remembered, bad.as_ref()).unwrap();
        assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
    }
}
