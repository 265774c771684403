//! Histories that chance decides, for what must hold of any: events of the real topics, plausible and contradictory, in
//! any order of time, some said twice, some that nobody can decode or that a fold refuses.

use std::ops::Range;

use brainops_event::types::agent::{HealingCompleted, HealingDiagnosed, HealingEscalated};
use brainops_event::types::deployment::{
    DeploymentFailed, DeploymentRolledBack, DeploymentStarted, DeploymentSucceeded,
};
use brainops_event::types::git::{BranchUpdated, CommitCreated, TagCreated};
use brainops_event::types::lead::{
    DemoScheduled, LeadDiscovered, LeadDisqualified, LeadLost, LeadQualified, LeadWon,
};
use brainops_event::types::memory::Recorded as MemoryRecorded;
use brainops_event::types::monitor::{
    AlertFired, AlertResolved, ErrorRateNormal, HighErrorRate, IncidentAcknowledged, IncidentEscalated,
    IncidentJoined, IncidentOpened, IncidentResolved,
};
use brainops_event::types::outreach::{OutreachBounced, OutreachReady, OutreachReplied, OutreachSent};
use brainops_event::types::saga::{
    AgentsStarted, AgentsStopped, SagaEnded, SagaParked, SagaPaused, SagaReacted, SagaResumed, SagaStarted,
};
use brainops_event::types::tool::{
    CallAuthorized, CallCompleted, CallDenied, CallFailed, CallRequested, CallStarted, CallUnknown,
};
use brainops_event::{
    Envelope, EventId, EventType, Outgoing, Source, Subject, TypedEvent, timestamp_from_millis,
};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use serde_json::{Value, json};

/// How many subjects of each kind there are: few, so that each has a history.
const SUBJECTS: u8 = 7;
/// Of how many ids of a source one is taken: some come twice, and then the second is a repeat.
const IDS: u16 = 400;
/// The start of the year 2026, and the length of a month, in which everything happens.
const BEGIN_MS: i64 = 1_767_225_600_000;
const MONTH_MINUTES: u16 = 43_200;

/// A history of events of these topics: as many as the range says.
pub fn histories(
    topics: &'static [&'static str],
    length: Range<usize>,
) -> impl Strategy<Value = Vec<Outgoing>> {
    let kinds: Vec<&'static Kind> = KINDS.iter().filter(|kind| topics.contains(&kind.topic)).collect();
    assert!(
        !kinds.is_empty(),
        "there are histories of git, deployment, lead, monitor, saga, tool, agent and memory"
    );
    vec(draws(), length).prop_map(move |draws| {
        draws.iter().map(|draw| (kinds[usize::from(draw.kind) % kinds.len()].make)(draw)).collect()
    })
}

/// What is wrong with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// Its data says that it is about something else.
    OtherSubject,
    /// Its data ends too soon.
    Cut,
}

/// What chance says of one event.
#[derive(Debug, Clone)]
struct Draw {
    kind: u8,
    subject: u8,
    source: bool,
    id: u16,
    minute: Option<u16>,
    picks: [u8; 4],
    flaw: Flaw,
}

fn draws() -> impl Strategy<Value = Draw> {
    let flaw = prop_oneof![
        60 => proptest::strategy::Just(Flaw::None),
        1 => proptest::strategy::Just(Flaw::OtherSubject),
        1 => proptest::strategy::Just(Flaw::Cut),
    ];
    let minute = proptest::option::weighted(0.9, 0..MONTH_MINUTES);
    let parts = (any::<u8>(), 0..SUBJECTS, any::<bool>(), 0..IDS, minute, any::<[u8; 4]>(), flaw);
    parts.prop_map(|(kind, subject, source, id, minute, picks, flaw)| Draw {
        kind,
        subject,
        source,
        id,
        minute,
        picks,
        flaw,
    })
}

/// One type of event.
struct Kind {
    topic: &'static str,
    make: fn(&Draw) -> Outgoing,
}

const KINDS: [Kind; 45] = [
    Kind { topic: "memory", make: Draw::memory },
    Kind { topic: "monitor", make: |draw| draw.deployment::<HighErrorRate>(draw.rate()) },
    Kind { topic: "monitor", make: |draw| draw.deployment::<ErrorRateNormal>(draw.rate()) },
    Kind {
        topic: "agent",
        make: |draw| {
            draw.deployment::<HealingDiagnosed>(json!({
                "trouble": draw.word(2), "good_sha": draw.maybe(3), "commits": draw.picks[2], "culprit": draw.maybe(2), "suspects": [],
                "frames": [draw.word(1)], "errors": [], "migrations": [],
            }))
        },
    },
    Kind {
        topic: "agent",
        make: |draw| {
            draw.deployment::<HealingEscalated>(
                json!({"reason_code": draw.word(2), "answer_to": draw.word(3), "culprit": draw.maybe(1)}),
            )
        },
    },
    Kind {
        topic: "agent",
        make: |draw| {
            draw.deployment::<HealingCompleted>(json!({
                "restored_deployment_id": draw.maybe(1), "restored_sha": draw.maybe(2), "culprit": draw.maybe(3),
                "verified_by": draw.word(3), "trouble_ms": draw.picks[2],
            }))
        },
    },
    Kind { topic: "tool", make: Draw::call },
    Kind { topic: "tool", make: |draw| draw.told_of_call::<CallAuthorized>(draw.permit()) },
    Kind {
        topic: "tool",
        make: |draw| {
            draw.told_of_call::<CallDenied>(
                json!({"principal": draw.word(2), "reason_code": draw.word(3), "policies": [draw.word(1)]}),
            )
        },
    },
    Kind {
        topic: "tool",
        make: |draw| {
            draw.told_of_call::<CallStarted>(
                json!({"attempt": draw.picks[1] % 3 + 1, "epoch": draw.picks[2], "executor": draw.word(3)}),
            )
        },
    },
    Kind {
        topic: "tool",
        make: |draw| {
            draw.told_of_call::<CallCompleted>(json!({"attempt": 1, "result": draw.maybe(2), "result_bytes": draw.picks[1], "duration_ms": draw.picks[3]}))
        },
    },
    Kind {
        topic: "tool",
        make: |draw| {
            draw.told_of_call::<CallFailed>(json!({"attempt": 1, "reason_code": draw.word(2), "is_without_effect": draw.flag(3), "duration_ms": draw.picks[1]}))
        },
    },
    Kind {
        topic: "tool",
        make: |draw| draw.told_of_call::<CallUnknown>(json!({"attempt": 1, "reason_code": draw.word(2)})),
    },
    Kind {
        topic: "lead",
        make: |draw| draw.lead::<LeadDiscovered>(json!({"channel": draw.word(0), "company": draw.maybe(1)})),
    },
    Kind {
        topic: "lead",
        make: |draw| draw.lead::<LeadQualified>(json!({"score": draw.number(0), "segment": draw.maybe(1)})),
    },
    Kind { topic: "lead", make: |draw| draw.lead::<DemoScheduled>(json!({"demo_at": draw.time(0)})) },
    Kind {
        topic: "lead",
        make: |draw| draw.lead::<LeadWon>(json!({"amount_minor": draw.number(0), "currency": draw.maybe(1)})),
    },
    Kind { topic: "lead", make: |draw| draw.lead::<LeadLost>(json!({"reason_code": draw.maybe(0)})) },
    Kind { topic: "lead", make: |draw| draw.lead::<LeadDisqualified>(json!({"reason_code": draw.maybe(0)})) },
    Kind { topic: "lead", make: |draw| draw.outreach::<OutreachReady>(json!({"channel": draw.word(0)})) },
    Kind { topic: "lead", make: |draw| draw.outreach::<OutreachSent>(json!({"channel": draw.word(0)})) },
    Kind { topic: "lead", make: |draw| draw.outreach::<OutreachReplied>(json!({})) },
    Kind { topic: "lead", make: |draw| draw.outreach::<OutreachBounced>(json!({"permanent": draw.flag(0)})) },
    Kind {
        topic: "deployment",
        make: |draw| draw.deployment::<DeploymentStarted>(json!({"git_ref": draw.maybe(2)})),
    },
    Kind {
        topic: "deployment",
        make: |draw| draw.deployment::<DeploymentSucceeded>(json!({"url": draw.maybe(2)})),
    },
    Kind {
        topic: "deployment",
        make: |draw| draw.deployment::<DeploymentFailed>(json!({"reason_code": draw.maybe(2)})),
    },
    Kind {
        topic: "deployment",
        make: |draw| draw.deployment::<DeploymentRolledBack>(json!({"restored_sha": draw.maybe(2)})),
    },
    Kind { topic: "git", make: Draw::commit },
    Kind { topic: "git", make: Draw::branch },
    Kind { topic: "git", make: Draw::tag },
    Kind { topic: "monitor", make: |draw| draw.alert::<AlertFired>(json!({})) },
    Kind { topic: "monitor", make: |draw| draw.alert::<AlertResolved>(json!({"ends_at": draw.time(2)})) },
    Kind {
        topic: "monitor",
        make: |draw| {
            let opened = json!({"answer_to": draw.word(2), "service": draw.maybe(3)});
            draw.incident::<IncidentOpened>(draw.gathered(opened))
        },
    },
    Kind { topic: "monitor", make: |draw| draw.incident::<IncidentJoined>(draw.gathered(json!({}))) },
    Kind {
        topic: "monitor",
        make: |draw| draw.incident::<IncidentAcknowledged>(json!({"acknowledged_by": draw.word(0)})),
    },
    Kind {
        topic: "monitor",
        make: |draw| {
            let escalated = json!({"level": draw.picks[0] % 3 + 1, "unattended_seconds": draw.picks[1]});
            draw.incident::<IncidentEscalated>(escalated)
        },
    },
    Kind {
        topic: "monitor",
        make: |draw| {
            let resolved =
                json!({"ended_at": draw.time(0), "alerts": draw.picks[1], "resolved_by": draw.maybe(2)});
            draw.incident::<IncidentResolved>(resolved)
        },
    },
    Kind {
        topic: "saga",
        make: |draw| draw.saga::<SagaStarted>(json!({"version": 1, "correlation_id": draw.word(1)})),
    },
    Kind { topic: "saga", make: Draw::reacted },
    Kind {
        topic: "saga",
        make: |draw| {
            let parked = json!({
                "version": 1, "input": draw.word(1), "event_source": "s", "event_id": "e",
                "reason_class": draw.word(2), "code": draw.maybe(3),
            });
            draw.saga::<SagaParked>(parked)
        },
    },
    Kind { topic: "saga", make: |draw| draw.saga::<SagaPaused>(draw.decided()) },
    Kind { topic: "saga", make: |draw| draw.saga::<SagaResumed>(draw.decided()) },
    Kind {
        topic: "saga",
        make: |draw| {
            draw.saga::<SagaEnded>(json!({"outcome": draw.word(1), "undone": draw.flag(2), "unheeded": 0}))
        },
    },
    Kind { topic: "saga", make: |draw| draw.switch::<AgentsStopped>() },
    Kind { topic: "saga", make: |draw| draw.switch::<AgentsStarted>() },
];

impl Draw {
    /// What the data says that the event is about.
    fn about(&self) -> u8 {
        if self.flaw == Flaw::OtherSubject { (self.subject + 1) % SUBJECTS } else { self.subject }
    }

    fn word(&self, pick: usize) -> &'static str {
        ["web", "mail", "a\"b", "{x}", "é\\"][usize::from(self.picks[pick]) % 5]
    }

    fn maybe(&self, pick: usize) -> Option<&'static str> {
        (!self.picks[pick].is_multiple_of(4)).then(|| self.word(pick))
    }

    fn number(&self, pick: usize) -> Option<u8> {
        (!self.picks[pick].is_multiple_of(4)).then_some(self.picks[pick])
    }

    fn flag(&self, pick: usize) -> bool {
        self.picks[pick].is_multiple_of(2)
    }

    fn time(&self, pick: usize) -> i64 {
        BEGIN_MS + i64::from(self.picks[pick] % 16) * 3_600_000
    }

    fn lead<T: TypedEvent>(&self, data: Value) -> Outgoing {
        let about = json!({"lead_id": format!("lead-{}", self.about())});
        self.said::<T>(&format!("lead-{}", self.subject), about, data)
    }

    fn outreach<T: TypedEvent>(&self, mut data: Value) -> Outgoing {
        data["outreach_id"] = json!(format!("outreach-{}", self.picks[3] % 3));
        self.lead::<T>(data)
    }

    fn deployment<T: TypedEvent>(&self, data: Value) -> Outgoing {
        let place = |number: u8| {
            (
                ["api", "shop", "mail", "cron"][usize::from(number) % 4],
                ["prod", "test"][usize::from(number) / 4],
            )
        };
        let ((service, environment), about) = (place(self.subject), place(self.about()));
        let about = json!({
            "service": about.0,
            "environment": about.1,
            "deployment_id": format!("d-{}", self.picks[0] % 4),
            "sha": format!("{:040x}", self.picks[1] % 5),
            "repository": "brainops/core",
        });
        self.said::<T>(&format!("{service}/{environment}"), about, data)
    }

    fn commit(&self) -> Outgoing {
        let sha = |number: u8| format!("{:040x}", number);
        let about = json!({"repository": "brainops/core", "sha": sha(self.about())});
        let data = json!({
            "committed_at": self.time(0),
            "authored_at": self.time(1),
            "author_id": "person-1",
            "parents": [sha(self.picks[2] % SUBJECTS)],
            "insertions": self.picks[3],
            "paths": [self.word(2)],
        });
        self.said::<CommitCreated>(&format!("brainops/core/commits/{}", sha(self.subject)), about, data)
    }

    fn branch(&self) -> Outgoing {
        let about = json!({"repository": "brainops/core", "branch": format!("b-{}", self.about())});
        let data = json!({"sha": self.maybe(0), "previous_sha": self.maybe(1), "forced": self.flag(2)});
        self.said::<BranchUpdated>(&format!("brainops/core/branches/b-{}", self.subject), about, data)
    }

    fn tag(&self) -> Outgoing {
        let about = json!({"repository": "brainops/core", "tag": format!("v{}", self.about())});
        let data = json!({"sha": self.word(0), "annotated": self.flag(1)});
        self.said::<TagCreated>(&format!("brainops/core/tags/v{}", self.subject), about, data)
    }

    fn alert<T: TypedEvent>(&self, data: Value) -> Outgoing {
        let about = json!({"fingerprint": format!("{:016x}", self.about())});
        let mut more = json!({
            "alert_name": self.word(0),
            "severity": self.maybe(1),
            "labels": {"team": self.word(3)},
            "starts_at": self.time(1),
        });
        merge(&mut more, data);
        self.said::<T>(&format!("alerts/{}", self.subject), about, more)
    }

    fn incident<T: TypedEvent>(&self, data: Value) -> Outgoing {
        let about = json!({"incident_id": format!("incident-{}", self.about())});
        self.said::<T>(&format!("incident-{}", self.subject), about, data)
    }

    /// How the requests of a window were answered.
    fn rate(&self) -> Value {
        json!({
            "from": self.time(1), "through": self.time(2), "requests": self.picks[1], "errors": self.picks[2],
            "max_error_percent": f64::from(self.picks[3]) / 8.0,
        })
    }

    /// An alert that an incident gathers.
    fn gathered(&self, mut more: Value) -> Value {
        let alert = json!({
            "alert": format!("alerts/{}", self.picks[0] % SUBJECTS),
            "alert_name": self.word(0),
            "severity": self.maybe(1),
            "alert_starts_at": self.time(1),
        });
        merge(&mut more, alert);
        more
    }

    fn saga<T: TypedEvent>(&self, data: Value) -> Outgoing {
        let about = json!({
            "agent": "desk", "correlation": format!("saga/{}", self.about()), "run": self.picks[0] % 3 + 1,
        });
        self.said::<T>(&format!("desk/saga/{}", self.subject), about, data)
    }

    fn reacted(&self) -> Outgoing {
        let status = ["early", "running", "compensating", "paused", "parked", "ended"];
        let wait = json!({
            "kind": self.word(2), "reason": self.word(3), "events": [self.word(1)], "since_at": self.time(2),
            "due_at": self.flag(3).then(|| self.time(3)),
        });
        let waits: Vec<Value> = std::iter::repeat_n(wait, usize::from(self.picks[2] % 3)).collect();
        self.saga::<SagaReacted>(json!({
            "version": 1, "revision": self.picks[1] % 16, "consumed": [self.word(0)],
            "status": status[usize::from(self.picks[3]) % 6], "state_digest": "d", "decisions": [], "waits": waits,
        }))
    }

    fn decided(&self) -> Value {
        json!({"decided_by": self.word(1), "reason": self.word(2)})
    }

    fn switch<T: TypedEvent>(&self) -> Outgoing {
        let name = |number: u8| if number == 0 { "*".to_owned() } else { format!("agent-{number}") };
        let about = json!({"agent": name(self.about()), "number": self.picks[0] % 8});
        self.said::<T>(&name(self.subject), about, self.decided())
    }

    /// Calls have few names, so that what is told of one mostly finds it.
    fn call_id(&self) -> String {
        format!("call-{}", self.picks[0] % 6)
    }

    /// Something to be remembered; some takes the place of what was, or of itself.
    fn memory(&self) -> Outgoing {
        let replaces =
            self.picks[0].is_multiple_of(3).then(|| format!("e-{}", u16::from(self.picks[1]) % IDS));
        self.said::<MemoryRecorded>(
            &format!("service/{}", self.subject),
            json!({"about": format!("service/{}", self.about()), "kind": "fact", "text": self.word(2), "tags": [self.word(3)], "told_by": "a"}),
            json!({"replaces": replaces}),
        )
    }

    fn call(&self) -> Outgoing {
        let asked = json!({"tool": self.word(1), "arguments": "{}"});
        let outgoing = self.said::<CallRequested>(&format!("desk/saga/{}", self.subject), asked, json!({}));
        self.named(outgoing, "histories/calls", &self.call_id())
    }

    fn permit(&self) -> Value {
        json!({"principal": self.word(2), "arguments_digest": "a", "policy_digest": self.word(3), "policies": [self.word(1)]})
    }

    fn told_of_call<T: TypedEvent>(&self, data: Value) -> Outgoing {
        let about = json!({
            "call_source": "histories/calls", "call_id": self.call_id(), "tool": self.word(1),
            "call_subject": format!("desk/saga/{}", self.about()),
        });
        let outgoing = self.said::<T>(&format!("desk/saga/{}", self.subject), about, data);
        // Now and then somebody says it who is not the gate.
        let source = if self.picks[3].is_multiple_of(16) { "histories/a" } else { "brainops/tool" };
        self.named(outgoing, source, &format!("e-{}", self.id))
    }

    /// The same under another name.
    fn named(&self, Outgoing { envelope, schema, datum }: Outgoing, source: &str, id: &str) -> Outgoing {
        let mut renamed = Envelope::new(
            EventId::new(id).expect("an id"),
            Source::new(source).expect("a source"),
            envelope.event_type().clone(),
            envelope.subject().clone(),
        );
        if let Some(time) = envelope.time() {
            renamed = renamed.with_time(time);
        }
        Outgoing::from_datum(renamed, schema, datum).expect("the same data")
    }

    fn said<T: TypedEvent>(&self, subject: &str, mut data: Value, more: Value) -> Outgoing {
        merge(&mut data, more);
        let data: T =
            serde_json::from_value(data).unwrap_or_else(|error| panic!("no {}: {error}", T::SCHEMA));
        let mut envelope = Envelope::new(
            EventId::new(format!("e-{}", self.id)).expect("an id"),
            Source::new(if self.source { "histories/a" } else { "histories/b" }).expect("a source"),
            EventType::new(T::EVENT_TYPE).expect("a type"),
            Subject::new(subject).expect("a subject"),
        );
        if let Some(minute) = self.minute {
            let at = timestamp_from_millis(BEGIN_MS + i64::from(minute) * 60_000).expect("a time");
            envelope = envelope.with_time(at);
        }
        let event =
            Outgoing::typed(envelope, &data).unwrap_or_else(|error| panic!("no {}: {error}", T::SCHEMA));
        if self.flaw != Flaw::Cut {
            return event;
        }
        let Outgoing { envelope, schema, mut datum } = event;
        datum.truncate(datum.len() / 2);
        Outgoing::from_datum(envelope, schema, datum).expect("the same envelope")
    }
}

fn merge(data: &mut Value, more: Value) {
    let (Value::Object(data), Value::Object(more)) = (data, more) else { panic!("objects") };
    data.extend(more);
}
