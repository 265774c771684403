//! `incident-commander`: alerts of one service and time are gathered into one incident, of which somebody takes charge.
//!
//! One saga an incident. Its correlation is the service, so that at any time a service has one open incident at most: the
//! first alert opens it, further ones join it, and once all have ended and stayed so for the quiet time it is over; the next
//! alert begins the next saga. Alerts that name no service are gathered by the name of their rule, as in
//! `operations.incident`; environments are not told apart, since what is wrong with a service seldom stops at one.
//!
//! | input | what comes of it |
//! |---|---|
//! | `monitor.alert.fired` | opens (`monitor.incident.opened`, and `agent.task.attend` asks for somebody), or joins (`monitor.incident.joined`) |
//! | `monitor.alert.resolved` | the last one begins the quiet time; one of no open incident is nobody's |
//! | the quiet time is over | `monitor.incident.resolved` |
//! | `agent.intent.acknowledge` | somebody has taken charge: `monitor.incident.acknowledged`; further ones change nothing |
//! | nobody did, within its term | `monitor.incident.escalated` and `agent.task.escalate`, [`MAX_LEVEL`] times at most |
//! | `agent.intent.resolve` | `monitor.incident.resolved` at once, for when an end will never be told. What fires on is known; what fires anew opens the next incident |
//!
//! **People** act by intents whose subject is the incident's `answer_to` and whose payload is
//! `{"incident_id": ..., "by": ...}`, with an opaque id of the person. An act about another incident than the open one comes
//! too late and does nothing.
//!
//! **Order.** The events of one alert stand in one partition, those of several in any order. An alert is the same firing while
//! its start is the same: repeats change nothing, an end once told stays, and an end that is told before its beginning
//! counts. An incident that becomes quiet before its term is over, and stays so, wakes nobody; one that flaps is escalated all
//! the same.

use brainops_event::types::monitor::{
    IncidentAcknowledged, IncidentEscalated, IncidentJoined, IncidentOpened, IncidentResolved,
};
use brainops_event::{Recorded, Source, derived_id};
use brainops_saga::{Agent, Input, Limits, Refusal, Route, Say, Turn, Wait, answered};

use crate::incident::Incident;
use crate::terms::{MAX_LEVEL, QUIET, TO_ACKNOWLEDGE};
use crate::{body, say};

/// Its name.
const NAME: &str = "incident-commander";

/// The timer until which somebody has to take charge.
const ACKNOWLEDGE: &str = "acknowledge";

/// The timer until which no alert may fire.
const SILENCE: &str = "quiet";

/// What ids of incidents are derived from. It must never change.
const INCIDENTS: &str = "brainops/agent/incident-commander";

/// The agent.
#[derive(Debug, Clone, Copy, Default)]
pub struct IncidentCommander;

impl Agent for IncidentCommander {
    type State = Incident;

    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["monitor", "agent"]
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        Ok(match event.envelope.event_type() {
            "monitor.alert.fired" => Route::begins_again(correlation(&event.decode()?)),
            "monitor.alert.resolved" => Route::running(correlation(&event.decode()?)),
            "agent.intent.acknowledge" | "agent.intent.resolve" => match answered(NAME, event) {
                Some(correlation) => {
                    body::Act::of(event)?;
                    Route::running(correlation)
                }
                None => Route::nobody(),
            },
            _ => Route::nobody(),
        })
    }

    fn react(&self, incident: &mut Incident, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        match (input.timer(), input.event_type()) {
            (Some(ACKNOWLEDGE), _) => escalate(incident, turn),
            (Some(SILENCE), _) => resolve(incident, None, turn),
            (None, "monitor.alert.fired") if incident.id.is_empty() => open(incident, input, turn)?,
            (None, "monitor.alert.fired") => join(incident, input, turn)?,
            (None, "monitor.alert.resolved") => calm(incident, input, turn)?,
            (None, "agent.intent.acknowledge") => {
                acknowledge(incident, body::Act::of(input.recorded())?, turn);
            }
            (None, "agent.intent.resolve") => {
                let act = body::Act::of(input.recorded())?;
                if act.incident_id == incident.id {
                    resolve(incident, Some(act.by), turn);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn limits(&self) -> Limits {
        // Far more than an hour of alerts needs: what is beyond it is a mistake of somebody, and waits for the next hour.
        Limits { hops: 16, actions_per_hour: Some(5_000), ..Limits::DEFAULT }
    }

    fn waits_for(&self, incident: &Incident) -> Vec<Wait> {
        let alerts = if incident.is_firing() { "the end of its alerts" } else { "the end of the quiet time" };
        let people = match incident.acknowledged_by {
            None => "somebody who takes charge",
            Some(_) => "somebody who says that it is over",
        };
        vec![Wait::for_event("monitor.alert.*", alerts), Wait::for_event("agent.intent.*", people)]
    }
}

/// What an alert's incident is about.
fn correlation(whose: &body::Whose) -> String {
    match body::named(whose.service.as_ref()) {
        Some(service) => format!("service/{service}"),
        None => format!("alert/{}", whose.alert_name),
    }
}

fn open(incident: &mut Incident, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
    let (alert, fired) = fired(input)?;
    let cause = &input.recorded().envelope;
    let parts = ["incident", turn.correlation(), cause.source(), cause.id()];
    incident.id = derived_id(&Source::new(INCIDENTS)?, &parts).into_string();
    incident.opened_at = turn.now();
    incident.fires(&alert, &fired);
    let attend = say::attend(&incident.id, &fired);
    let opened = IncidentOpened {
        incident_id: incident.id.clone(),
        answer_to: format!("{NAME}/{}", turn.correlation()),
        service: body::named(fired.service.as_ref()).cloned(),
        alert,
        alert_name: fired.alert_name,
        environment: fired.environment,
        severity: fired.severity,
        alert_starts_at: fired.starts_at,
    };
    turn.say(Say::event(&incident.id, &opened));
    turn.say(attend);
    turn.set_timer(ACKNOWLEDGE, TO_ACKNOWLEDGE);
    Ok(())
}

fn join(incident: &mut Incident, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
    let (alert, fired) = fired(input)?;
    if !incident.fires(&alert, &fired) {
        return Ok(());
    }
    turn.cancel_timer(SILENCE);
    let joined = IncidentJoined {
        incident_id: incident.id.clone(),
        alert,
        alert_name: fired.alert_name,
        environment: fired.environment,
        severity: fired.severity,
        alert_starts_at: fired.starts_at,
    };
    turn.say(Say::event(&incident.id, &joined));
    Ok(())
}

fn calm(incident: &mut Incident, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
    let was_firing = incident.is_firing();
    incident.ends(&subject(input)?, &input.decode()?);
    if was_firing && !incident.is_firing() {
        turn.set_timer(SILENCE, QUIET);
    }
    Ok(())
}

/// The first who takes charge counts.
fn acknowledge(incident: &mut Incident, act: body::Act, turn: &mut Turn) {
    if act.incident_id != incident.id || incident.acknowledged_by.is_some() {
        return;
    }
    turn.cancel_timer(ACKNOWLEDGE);
    let fact = IncidentAcknowledged { incident_id: act.incident_id, acknowledged_by: act.by.clone() };
    turn.say(Say::event(&incident.id, &fact));
    incident.acknowledged_by = Some(act.by);
}

fn escalate(incident: &mut Incident, turn: &mut Turn) {
    incident.level += 1;
    let fact = IncidentEscalated {
        incident_id: incident.id.clone(),
        level: incident.level,
        unattended_seconds: (turn.now() - incident.opened_at).num_seconds(),
    };
    turn.say(Say::event(&incident.id, &fact));
    turn.say(say::escalate(&incident.id, incident.level));
    if incident.level < MAX_LEVEL {
        turn.set_timer(ACKNOWLEDGE, TO_ACKNOWLEDGE);
    }
}

fn resolve(incident: &Incident, by: Option<String>, turn: &mut Turn) {
    let outcome = if by.is_some() { "resolved_by_a_person" } else { "resolved" };
    let fact = IncidentResolved {
        incident_id: incident.id.clone(),
        ended_at: incident.ended_at().unwrap_or_else(|| turn.now()),
        alerts: incident.gathered,
        resolved_by: by,
    };
    turn.say(Say::event(&incident.id, &fact));
    turn.end(outcome);
}

fn fired(input: &Input<'_>) -> Result<(String, body::Fired), Refusal> {
    Ok((subject(input)?, input.decode()?))
}

/// The alert at its monitor.
fn subject(input: &Input<'_>) -> Result<String, Refusal> {
    let subject = input.recorded().envelope.subject();
    subject.map(str::to_owned).ok_or(Refusal::new("alert_without_subject"))
}
