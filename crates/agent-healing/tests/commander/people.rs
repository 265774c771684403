//! What people do about an incident.

use brainops_agent_healing::TO_ACKNOWLEDGE;

use super::*;

fn acknowledged(incident: &str, by: &str) -> Said {
    let fact = json!({"incident_id": incident, "acknowledged_by": by});
    Said::new("monitor.incident.acknowledged", incident, fact)
}

fn resolve(incident: &str, by: &str) -> Outgoing {
    act("resolve", SHOP, &json!({"incident_id": incident, "by": by}))
}

#[test]
fn who_takes_charge_first_counts_and_nobody_is_woken_any_more() {
    let (given, incident) = an_incident();
    let reaction = given.when(acknowledge(&incident, "person-1")).and_says("saga.timer.cancelled");
    let given = reaction.then([acknowledged(&incident, "person-1")]).timers(SHOP, &[]);
    let given = given.waits_for(SHOP, &["the end of its alerts", "somebody who says that it is over"]);
    let given = given.when(acknowledge(&incident, "person-2")).then_nothing();
    let given = given.when(acknowledge(&incident, "person-1")).then_nothing(); // a repeat
    given.when_after(TimeDelta::days(1)).then_nothing();
}

#[test]
fn an_acknowledgement_after_an_escalation_ends_it() {
    let (given, incident) = an_incident();
    let given = given.after(TO_ACKNOWLEDGE).timers(SHOP, &[("acknowledge", minute(30))]);
    let given = given.when(acknowledge(&incident, "person-1")).then([acknowledged(&incident, "person-1")]);
    given.timers(SHOP, &[]).when_after(TimeDelta::days(1)).then_nothing();
}

#[test]
fn an_act_about_another_incident_does_nothing() {
    let (given, incident) = an_incident();
    let given = given.when(acknowledge("another", "person-1")).then_nothing();
    let given = given.when(resolve("another", "person-1")).then_nothing();
    let given = given.timers(SHOP, &[("acknowledge", minute(15))]);
    // and one about an incident that is over is nobody's
    let given = given.events([resolve(&incident, "person-1")]).ended(SHOP, "resolved_by_a_person");
    given.when(acknowledge(&incident, "person-1")).then_nothing().ended(SHOP, "resolved_by_a_person");
}

#[test]
fn a_person_may_say_that_it_is_over_although_an_alert_fires() {
    let (given, incident) = an_incident();
    let given = given.recorded_from(minute(7));
    let reaction = given.when(resolve(&incident, "person-1")).and_says("saga.ended");
    let given = reaction.then([over(&incident, minute(7), 1, Some("person-1"))]).timers(SHOP, &[]);
    // its end, told later, is nobody's
    given.when(resolved("errors", 0, 8)).then_nothing();

    let (given, incident) = an_incident();
    let given = given.events([resolved("errors", 0, 3)]).recorded_from(minute(7));
    given.when(resolve(&incident, "person-1")).then([over(&incident, minute(3), 1, Some("person-1"))]);
}

/// As docs/agents.md says it, through any door that takes CloudEvents.
#[test]
fn a_person_acts_by_an_event_in_json() {
    let (given, incident) = an_incident();
    let event = json!({
        "specversion": "1.0", "id": "ack-1", "source": "pager", "type": "agent.intent.acknowledge",
        "subject": "incident-commander/service/shop", "data": {"incident_id": incident, "by": "kim-7"},
    });
    let line = json!({"recorded_at": "2026-01-01T00:01:00Z", "verdict": "event", "event": event});
    given
        .recorded(&line.to_string())
        .timers(SHOP, &[])
        .waits_for(SHOP, &["the end of its alerts", "somebody who says that it is over"]);
}
