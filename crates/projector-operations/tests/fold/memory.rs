//! What is to be remembered, and what takes the place of what.

use brainops_event::types::memory::Recorded;
use brainops_projector_operations::MemoryRow;
use brainops_testkit::said;

use super::*;

fn told(id: &str, at: i64, text: &str, replaces: Option<&str>) -> Outgoing {
    let data = json!({
        "about": "service/shop", "kind": "lesson", "text": text, "tags": ["load"], "told_by": "brainops/agent/devops", "replaces": replaces,
    });
    said::<Recorded>(id, "service/shop", hour(at), data)
}

fn remembered(events: &[Outgoing]) -> Vec<MemoryRow> {
    let outcome = given(Operations).events(events.iter().cloned()).fold();
    outcome.tables().memory.all().into_iter().cloned().collect()
}

#[test]
fn what_is_told_is_kept_as_it_was_told() {
    let [row] = &remembered(&[told("m-1", 1, "It is slow at noon.", None)])[..] else { panic!("one row") };
    let about = (row.about.as_str(), row.memory_id.as_str(), row.kind.as_str(), row.text.as_str());
    assert_eq!(about, ("service/shop", "m-1", "lesson", "It is slow at noon."));
    assert_eq!(
        (row.tags.as_slice(), row.told_by.as_str()),
        (&["load".to_owned()][..], "brainops/agent/devops")
    );
    assert_eq!((row.told_at, row.replaced_by.as_deref()), (hour(1), None));
}

#[test]
fn what_is_replaced_stays_and_says_by_what_and_the_first_counts() {
    let events = [
        told("m-1", 1, "one", None),
        told("m-2", 2, "two", Some("m-1")),
        told("m-3", 3, "three", Some("m-1")),
        told("m-4", 4, "four", Some("unheard of")),
    ];
    let by: Vec<(String, Option<String>, String)> =
        remembered(&events).into_iter().map(|row| (row.memory_id, row.replaced_by, row.changed.id)).collect();
    let row = |id: &str, by: Option<&str>, changed: &str| {
        (id.to_owned(), by.map(str::to_owned), changed.to_owned())
    };
    let expected = [
        row("m-1", Some("m-2"), "m-2"),
        row("m-2", None, "m-2"),
        row("m-3", None, "m-3"),
        row("m-4", None, "m-4"),
    ];
    assert_eq!(by, expected);
}

#[test]
fn what_takes_its_own_place_is_new_and_what_is_about_something_else_is_refused() {
    let [row] = &remembered(&[told("m-1", 1, "one", Some("m-1"))])[..] else { panic!("one row") };
    assert_eq!(row.replaced_by, None);
    let other = json!({"about": "service/mail", "kind": "fact", "text": "a", "told_by": "b"});
    let outcome = given(Operations).events([said::<Recorded>("m-1", "service/shop", hour(1), other)]).fold();
    assert_eq!(outcome.refused().len(), 1);
}
