//! How an incident begins, grows, becomes quiet and ends.

use brainops_agent_healing::{QUIET, TO_ACKNOWLEDGE};
use brainops_event::Priority;
use brainops_saga::{Cast, Life};
use brainops_testkit::Records;

use super::*;

#[test]
fn the_first_alert_opens_an_incident_and_asks_for_somebody() {
    let incident = opened_by("errors fires 0");
    let mut opened = about_alert(&incident, "errors", 0);
    opened["service"] = json!("shop");
    opened["answer_to"] = json!("incident-commander/service/shop");
    let attend =
        json!({"incident_id": incident, "service": "shop", "alert_name": "errors", "severity": "critical"});
    let given = given_agent(IncidentCommander).recorded_from(minute(0));
    let reaction = given.when(fired("errors", 0)).and_says("saga.started").and_says("saga.timer.set");
    let given = reaction.then([
        Said::new("monitor.incident.opened", &incident, opened),
        Said::message("agent.task.attend", (AGENT, SHOP), attend),
    ]);
    given
        .timers(SHOP, &[("acknowledge", minute(15))])
        .waits_for(SHOP, &["the end of its alerts", "somebody who takes charge"]);
}

#[test]
fn alerts_of_the_service_join_it_and_others_do_not() {
    let (given, incident) = an_incident();
    let given = given.when(fired("latency", 1)).then([joined(&incident, "latency", 1)]);
    let mut elsewhere = about("errors", 1);
    elsewhere["service"] = json!("mail");
    let elsewhere = said::<AlertFired>("mail fires", "prometheus/mail", minute(1), elsewhere);
    let given = given.events([elsewhere]);
    assert_eq!(given.sagas().count(), 2);
    let mut staging = about("errors", 2);
    staging["environment"] = json!("staging");
    let staging = said::<AlertFired>("staging fires", "prometheus/staging", minute(2), staging);
    let mut expected = joined(&incident, "errors", 2);
    (expected.data["alert"], expected.data["environment"]) = (json!("prometheus/staging"), json!("staging"));
    given.when(staging).then([expected]);
}

#[test]
fn alerts_without_a_service_are_gathered_by_name() {
    for service in [json!(null), json!("")] {
        let nameless = |id: &str| {
            let mut data = about("certificate", 0);
            data["service"] = service.clone();
            said::<AlertFired>(id, &format!("prometheus/{id}"), minute(0), data)
        };
        let given = given_agent(IncidentCommander).events([nameless("a")]).when(nameless("b"));
        assert_eq!(given.decisions()[0].event_type, "monitor.incident.joined");
        given.and().status("alert/certificate", "running");
    }
}

#[test]
fn it_is_over_when_all_alerts_have_ended_and_stay_so() {
    let (given, incident) = an_incident();
    let given = given.recorded_from(minute(2)).events([fired("latency", 2)]);
    let given = given.recorded_from(minute(4)).events([resolved("errors", 0, 3)]);
    let given = given.timers(SHOP, &[("acknowledge", minute(15))]);
    let given = given.recorded_from(minute(5)).events([resolved("latency", 2, 4)]);
    let given = given
        .timers(SHOP, &[("acknowledge", minute(15)), ("quiet", minute(15))])
        .waits_for(SHOP, &["the end of the quiet time", "somebody who takes charge"])
        .events([acknowledge(&incident, "person-1")]);
    let given = given.when_after(QUIET).and_says("saga.ended").then([over(&incident, minute(4), 2, None)]);
    given.ended(SHOP, "resolved").timers(SHOP, &[]).when_after(TimeDelta::days(1)).then_nothing();
}

#[test]
fn an_alert_in_the_quiet_time_joins_and_the_quiet_time_begins_anew() {
    let (given, incident) = an_incident();
    let given = given.events([acknowledge(&incident, "person-1")]);
    let given = given.recorded_from(minute(5)).events([resolved("errors", 0, 5)]);
    let given = given.recorded_from(minute(14));
    let reaction = given.when(fired("errors", 14)).and_says("saga.timer.cancelled");
    let given = reaction.then([joined(&incident, "errors", 14)]).timers(SHOP, &[]);
    let given = given.when_after(TimeDelta::hours(1)).then_nothing();
    let given = given.recorded_from(minute(90)).when(resolved("errors", 14, 89)).then_nothing();
    let given = given.timers(SHOP, &[("quiet", minute(100))]);
    given.when_after(QUIET).then([over(&incident, minute(89), 2, None)]);
}

#[test]
fn the_next_alert_is_the_next_incident() {
    let (given, first) = an_incident();
    let given = given.events([resolved("errors", 0, 0)]).after(QUIET).ended(SHOP, "resolved");
    let given = given.recorded_from(minute(20)).events([fired("errors", 20)]).status(SHOP, "running");
    let second = opened_by("errors fires 20");
    assert_ne!(first, second);
    let given = given.timers(SHOP, &[("acknowledge", minute(35))]);
    let given = given.when(acknowledge(&first, "person-1")).then_nothing();
    let given = given.when(acknowledge(&second, "person-1"));
    assert_eq!(given.decisions()[0].subject, second);
}

#[test]
fn what_nobody_takes_charge_of_is_escalated_three_times() {
    let (mut given, incident) = an_incident();
    given = given.when_after(TO_ACKNOWLEDGE - TimeDelta::seconds(2)).then_nothing();
    for level in 1..=3 {
        let time = if level == 1 { TimeDelta::seconds(1) } else { TO_ACKNOWLEDGE };
        given = given.when_after(time).then(escalated(&incident, level));
    }
    given = given.timers(SHOP, &[]).when_after(TimeDelta::days(9)).then_nothing();
    given.when(resolved("errors", 0, 99)).then_nothing().after(QUIET).ended(SHOP, "resolved");
}

#[test]
fn one_that_flaps_is_escalated_and_one_that_stays_quiet_is_not() {
    let (given, incident) = an_incident();
    let given = given.events([resolved("errors", 0, 0)]).recorded_from(minute(8));
    let given = given.events([fired("errors", 8), resolved("errors", 8, 8)]).recorded_from(minute(14));
    given.when_after(TimeDelta::minutes(1)).then(escalated(&incident, 1));

    let (given, incident) = an_incident();
    let given = given.events([resolved("errors", 0, 0)]);
    given.when_after(TimeDelta::days(1)).then([over(&incident, minute(0), 1, None)]);
}

#[test]
fn how_soon_it_wants_attention_follows_from_the_severity() {
    use Priority::{High, Low, Normal, Urgent};
    for (severity, expected) in
        [("PAGE", Urgent), ("error", High), ("warning", Normal), ("odd", Normal), ("info", Low)]
    {
        let mut data = about("errors", 0);
        data["severity"] = json!(severity);
        let mut log = Records::new();
        log.append(said::<AlertFired>("e", &subject("errors"), minute(0), data));
        let mut life = Life::new(Cast::of(IncidentCommander).unwrap());
        let written = life.take(&log.last().unwrap().recorded()).unwrap();
        let mut envelopes = written.iter().map(|written| &written.event.envelope);
        let attend = envelopes.find(|envelope| envelope.event_type().as_str() == "agent.task.attend");
        assert_eq!(attend.unwrap().priority(), Some(expected), "{severity}");
    }
}
