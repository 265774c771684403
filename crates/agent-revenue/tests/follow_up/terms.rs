//! Who has to do what, and until when.

use brainops_agent_revenue as terms;
use brainops_event::Timestamp;
use chrono::TimeDelta;

use super::*;

/// Makes the event that tells a fact of this moment.
type Fact = fn(Timestamp) -> Outgoing;

#[test]
fn a_lead_that_nobody_answers_is_asked_for_then_reminded_of_then_escalated_and_then_left_alone() {
    let given = a_lead_and([])
        .timers(LEAD, &[("term", day(2))])
        .waits_for(LEAD, &["a first message to the lead", "its end: won, lost or disqualified"]);
    let just_before = terms::TO_FIRST_TOUCH - TimeDelta::seconds(2); // the discovery took a second
    let given = given.when_after(just_before).then_nothing();
    let since = day(0);
    let given = given.when_after(TimeDelta::seconds(1)).then([task("follow_up", "first_touch", since, None)]);
    let id = task_id(&given);
    let given = given
        .when_after(terms::TO_REMIND)
        .then([task("remind", "first_touch", since, Some(&id))])
        .when_after(terms::TO_ESCALATE)
        .then([task("escalate", "first_touch", since, Some(&id))]);
    given.timers(LEAD, &[]).when_after(TimeDelta::days(365)).then_nothing().status(LEAD, "running");
}

/// What happens on day 1, what has to happen then, and on which day it is asked for.
type Case = (Fact, &'static str, i64);

#[test]
fn each_fact_has_its_own_term() {
    let cases: [Case; 5] = [
        (|at| sent("sent", at), "reply", 6),
        (|at| replied("replied", at), "answer", 2),
        (|at| bounced("unknown", false, at), "resend", 2),
        (|at| bounced("unknown", true, at), "other_way", 2),
        (|at| demo(day(10), at), "demo", 12),
    ];
    for (fact, next, asked_on) in cases {
        let given = a_lead_and([fact(day(1))]).timers(LEAD, &[("term", day(asked_on))]);
        let until = day(asked_on) - given.now();
        given.when_after(until).then([task("follow_up", next, day(1), None)]);
    }
}

#[test]
fn an_answer_in_time_moves_the_term_and_the_old_one_never_fires() {
    let given = a_lead_and([sent("sent", day(1))]).timers(LEAD, &[("term", day(6))]);
    let given = given.when_after(TimeDelta::days(4)).then_nothing();
    let given = given.when(replied("replied", day(5))).then_nothing();
    let answered = given.recorded_from(day(5)).when(sent("answer", day(5))).then_nothing();
    answered.timers(LEAD, &[("term", day(10))]);
}

#[test]
fn what_is_done_after_it_was_asked_for_is_said_to_be_over() {
    let given = a_lead_and([]).after(terms::TO_FIRST_TOUCH);
    let id = task_id(&given);
    let given = given.when(sent("sent", day(3))).then([over(&id, "outreach.sent")]);
    let given = given.when(replied("replied", day(4))).then_nothing();
    let given = given.after(terms::TO_ANSWER + terms::TO_REMIND + terms::TO_ESCALATE);
    let second = task_id(&given);
    assert_ne!(id, second);
    given.when(demo(day(20), day(19))).then([over(&second, "lead.demo.scheduled")]);
}

#[test]
fn the_end_closes_it_whether_or_not_somebody_was_asked() {
    let ends: [(Fact, &str); 3] = [(won, "won"), (lost, "lost"), (disqualified, "disqualified")];
    for (end, outcome) in ends {
        let given = a_lead_and([end(day(1))]).ended(LEAD, outcome).timers(LEAD, &[]);
        given.when_after(TimeDelta::days(30)).then_nothing();
        for pressed in [TimeDelta::zero(), terms::TO_REMIND, terms::TO_REMIND + terms::TO_ESCALATE] {
            let given = a_lead_and([]).after(terms::TO_FIRST_TOUCH + pressed);
            let id = task_id(&given);
            let ended = given.when(end(day(9))).and_says("saga.ended");
            ended.then([over(&id, &format!("lead.{outcome}"))]).ended(LEAD, outcome);
        }
    }
}

#[test]
fn a_bounce_counts_if_it_is_of_what_was_sent_last() {
    let first_bounces = |given: GivenAgent| given.when(bounced("first", false, day(3))).then_nothing();
    let sent_twice = || a_lead_and([sent("first", day(1)), sent("second", day(2))]);
    first_bounces(sent_twice()).timers(LEAD, &[("term", day(7))]);
    let given = sent_twice().recorded_from(day(3)).events([bounced("second", true, day(3))]);
    let given = given.timers(LEAD, &[("term", day(4))]);
    given.when_after(terms::AFTER_BOUNCE).then([task("follow_up", "other_way", day(3), None)]);
    // the lead has replied all the same, so it was reached
    let replied = a_lead_and([sent("first", day(1)), replied("replied", day(2))]);
    first_bounces(replied).timers(LEAD, &[("term", day(3))]);
}

#[test]
fn a_demonstration_is_waited_for_unless_its_date_cannot_be_meant() {
    let cases = [
        (day(40), day(42)),
        (day(-300), day(1) + terms::AFTER_DEMO),
        (day(100_000), day(1) + terms::LONGEST_WAY_TO_DEMO + terms::AFTER_DEMO),
    ];
    for (demo_at, due) in cases {
        let given = a_lead_and([]).recorded_from(day(1)).events([demo(demo_at, day(1))]);
        given.timers(LEAD, &[("term", due)]);
    }
}
