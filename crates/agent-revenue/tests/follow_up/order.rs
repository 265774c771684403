//! What is told late, early, twice, or by a wrong clock.

use brainops_agent_revenue::{FollowUp, Next, Pressed};
use chrono::TimeDelta;

use super::*;

#[test]
fn what_comes_before_the_discovery_is_kept_until_then() {
    let given = given_agent(LeadFollowUp).recorded_from(day(0)).events([sent("sent", day(0))]);
    let given = given.status(LEAD, "early").recorded_from(day(1));
    // its term counts from when it was recorded, not from when it could be heeded
    given.when(discovered(day(1))).then_nothing().timers(LEAD, &[("term", day(5))]);

    let won_first = given_agent(LeadFollowUp).recorded_from(day(0)).events([won(day(0))]);
    won_first.when(discovered(day(0))).then_nothing().ended(LEAD, "won");
}

#[test]
fn a_fact_that_happened_before_the_one_that_counts_changes_nothing() {
    let given = a_lead_and([replied("replied", day(3))]);
    let given = given.when(sent("sent", day(2))).then_nothing().when(demo(day(9), day(2))).then_nothing();
    let expected = FollowUp {
        next: Next::Answer,
        since: Some(day(3)),
        outreach: None,
        pressed: Pressed::Not,
        task: None,
    };
    given.timers(LEAD, &[("term", day(4))]).state(LEAD, &expected);
}

#[test]
fn an_end_holds_whenever_it_happened() {
    a_lead_and([replied("replied", day(3))]).when(lost(day(1))).then_nothing().ended(LEAD, "lost");
}

#[test]
fn what_happened_before_the_discovery_counts_all_the_same() {
    let given = given_agent(LeadFollowUp).recorded_from(day(5)).events([discovered(day(5))]);
    given.recorded_from(day(6)).when(sent("sent", day(4))).then_nothing().timers(LEAD, &[("term", day(11))]);
}

#[test]
fn of_two_facts_of_one_moment_the_one_recorded_last_counts() {
    let given = a_lead_and([sent("sent", day(1))]).recorded_from(day(1));
    given.when(replied("replied", day(1))).then_nothing().timers(LEAD, &[("term", day(2))]);
}

#[test]
fn a_clock_that_is_ahead_does_not_make_all_others_late() {
    let given = a_lead_and([]).recorded_from(day(1)).events([sent("sent", day(9_000))]);
    given
        .recorded_from(day(2))
        .when(replied("replied", day(2)))
        .then_nothing()
        .timers(LEAD, &[("term", day(3))]);
}

#[test]
fn history_that_is_imported_is_nobodys_delay() {
    let given = given_agent(LeadFollowUp).recorded_from(day(0)).events([discovered(day(-400))]);
    given.timers(LEAD, &[("term", day(2))]);
}

#[test]
fn said_twice_it_counts_once() {
    let given = a_lead_and([discovered(day(1))]).timers(LEAD, &[("term", day(2))]); // a repeat
    let again = said::<LeadDiscovered>("again", LEAD, day(1), about(json!({"channel": "conference"})));
    let given = given.when(again).then_nothing().timers(LEAD, &[("term", day(2))]); // another source of it
    given.after(TimeDelta::days(1)).when(discovered(day(0))).then_nothing();
}

#[test]
fn a_lead_that_has_ended_never_begins_again() {
    let again = said::<LeadDiscovered>("again", LEAD, day(9), about(json!({"channel": "conference"})));
    let given = a_lead_and([lost(day(1))]).recorded_from(day(9));
    let given = given.when(again).then_nothing().ended(LEAD, "lost");
    given.when(replied("replied", day(9))).then_nothing().timers(LEAD, &[]).ended(LEAD, "lost");
}
