//! Where a lead stands, in whatever order its facts arrive.

use brainops_event::Outgoing;
use brainops_projector_leads::{LeadRow, Leads, Stage, StageEntryRow};
use brainops_testkit::given;
use chrono::{DateTime, Utc};

use crate::facts::{hour, reached};

fn folded(facts: &[(Stage, i64)]) -> (LeadRow, Vec<(Stage, DateTime<Utc>)>) {
    let events: Vec<Outgoing> = facts.iter().map(|(stage, hours)| reached(*stage, *hours)).collect();
    let outcome = given(Leads).events(events).fold();
    let lead = outcome.tables().lead.all()[0].clone();
    let entry = |row: &&StageEntryRow| (row.stage, row.entered_at);
    (lead, outcome.tables().stage_entry.all().iter().map(entry).collect())
}

fn stands(facts: &[(Stage, i64)]) -> (Stage, DateTime<Utc>) {
    let (lead, _) = folded(facts);
    (lead.stage, lead.stage_entered_at)
}

/// All orders of a list.
fn orders<T: Copy>(list: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = list.split_first() else { return vec![Vec::new()] };
    let insert = |order: Vec<T>| {
        (0..=order.len()).map(move |place| {
            let mut order = order.clone();
            order.insert(place, *first);
            order
        })
    };
    orders(rest).into_iter().flat_map(insert).collect()
}

#[test]
fn a_lead_goes_forward_and_may_skip() {
    use Stage::{Contacted, Demo, Discovered, Qualified, Replied};
    assert_eq!(stands(&[(Discovered, 1)]), (Discovered, hour(1)));
    assert_eq!(stands(&[(Discovered, 1), (Contacted, 2)]), (Contacted, hour(2)));
    assert_eq!(stands(&[(Replied, 1), (Qualified, 2)]), (Replied, hour(1)), "never back");
    assert_eq!(stands(&[(Demo, 3), (Contacted, 1), (Replied, 2)]), (Demo, hour(3)));
    assert_eq!(
        stands(&[(Contacted, 3), (Contacted, 2), (Contacted, 4)]),
        (Contacted, hour(2)),
        "the earliest counts"
    );
}

#[test]
fn an_end_holds_against_all_but_a_later_end() {
    use Stage::{Demo, Disqualified, Lost, Replied, Won};
    assert_eq!(stands(&[(Lost, 2), (Replied, 3), (Demo, 4)]), (Lost, hour(2)));
    assert_eq!(stands(&[(Lost, 2), (Won, 5)]), (Won, hour(5)));
    assert_eq!(stands(&[(Won, 5), (Lost, 2)]), (Won, hour(5)));
    assert_eq!(stands(&[(Won, 2), (Lost, 5)]), (Lost, hour(5)));
    assert_eq!(stands(&[(Lost, 1), (Won, 2), (Lost, 3)]), (Lost, hour(3)), "the latest of a kind counts");
    assert_eq!(stands(&[(Won, 2), (Lost, 2), (Disqualified, 2)]), (Won, hour(2)));
    assert_eq!(stands(&[(Lost, 2), (Disqualified, 2)]), (Lost, hour(2)));
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    use Stage::{Contacted, Discovered, Lost, Qualified, Replied};
    let facts = [(Discovered, 1), (Qualified, 4), (Contacted, 2), (Replied, 3), (Replied, 6), (Lost, 5)];
    let (expected, expected_entries) = folded(&facts);
    assert_eq!(expected.stage, Lost);
    for order in orders(&facts) {
        let (found, entries) = folded(&order);
        let found = LeadRow { changed: expected.changed.clone(), ..found };
        assert_eq!(found, expected, "{order:?}");
        assert_eq!(entries, expected_entries, "{order:?}");
    }
}
