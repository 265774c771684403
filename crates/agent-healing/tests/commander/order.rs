//! What is told late, twice, or in another order; and a storm.

use brainops_agent_healing::{Incident, MAX_ALERTS, QUIET};

use super::*;

/// The same alert as another delivery tells it.
fn fired_again(name: &str, starts: i64) -> Outgoing {
    said::<AlertFired>(&format!("{name} again {starts}"), &subject(name), minute(starts), about(name, starts))
}

fn state(given: &GivenAgent) -> Incident {
    serde_json::from_str(&given.saga(SHOP).unwrap().state).unwrap()
}

#[test]
fn an_alert_that_is_repeated_is_no_news() {
    let (given, _) = an_incident();
    let given = given.when(fired("errors", 0)).then_nothing(); // the same event
    let given = given.when(fired_again("errors", 0)).then_nothing(); // another one that says the same
    let given = given.events([resolved("errors", 0, 1)]);
    let quiet_until = given.now() - TimeDelta::seconds(1) + QUIET;
    // also after its end, which stays
    let given = given.when(fired_again("errors", 0)).then_nothing();
    given.timers(SHOP, &[("acknowledge", minute(15)), ("quiet", quiet_until)]);
}

#[test]
fn an_end_that_is_told_before_its_beginning_counts() {
    let (given, _) = an_incident();
    let given = given.events([resolved("latency", 1, 2)]);
    let given = given.when(fired("latency", 1)).then_nothing();
    let incident = state(&given);
    assert_eq!((incident.gathered, incident.is_firing()), (1, true), "only errors fires");
    // an incident is not opened by an end
    let given = given_agent(IncidentCommander).when(resolved("errors", 0, 1)).then_nothing();
    assert_eq!(given.sagas().count(), 0);
}

#[test]
fn of_several_ends_the_latest_holds_and_the_quiet_time_goes_on() {
    let (given, incident) = an_incident();
    let given = given.events([resolved("errors", 0, 3)]);
    let timers = [("acknowledge", minute(15)), ("quiet", given.now() - TimeDelta::seconds(1) + QUIET)];
    let given = given.events([resolved("errors", 0, 5), resolved("errors", 0, 4)]).timers(SHOP, &timers);
    given.when_after(QUIET).then([over(&incident, minute(5), 1, None)]);
}

#[test]
fn a_new_firing_ends_the_one_before_whose_end_was_lost() {
    let (given, incident) = an_incident();
    let given = given.when(fired("errors", 5)).then([joined(&incident, "errors", 5)]);
    let given = given.when(fired("errors", 2)).then_nothing(); // told late, and over
    let given = given.when(resolved("errors", 0, 9)).then_nothing(); // of the one before
    assert!(state(&given).is_firing());
    let given = given.events([resolved("errors", 5, 8)]);
    let given = given.when_after(QUIET).then([over(&incident, minute(8), 2, None)]);
    given.ended(SHOP, "resolved");
}

#[test]
fn the_end_of_a_later_firing_ends_the_alert() {
    let (given, incident) = an_incident();
    let given = given.events([resolved("errors", 5, 8)]); // that it fired again was lost
    given.when_after(QUIET).then([over(&incident, minute(8), 1, None)]);
}

#[test]
fn an_alert_that_is_told_after_the_end_begins_another_incident() {
    let (given, _) = an_incident();
    let given = given.events([resolved("errors", 0, 0)]).after(QUIET);
    let given = given.when(fired("latency", 0));
    assert_eq!(given.decisions()[0].subject, opened_by("latency fires 0"));
}

#[test]
fn a_storm_is_bounded() {
    let (given, _) = an_incident();
    let alerts = (0..MAX_ALERTS + 5).map(|number| fired(&format!("alert-{number}"), 1));
    let given = given.events(alerts);
    let incident = state(&given);
    assert_eq!((incident.alerts.len(), incident.gathered), (MAX_ALERTS, 500));
    let given = given.when(fired("one-more", 2)).then_nothing();
    let given = given.when(resolved("one-more", 2, 3)).then_nothing();
    given.status(SHOP, "running");
}
