//! `lead-follow-up`: a lead that nobody answered within its term becomes a task, is reminded of, then escalated.
//!
//! One saga a lead, from its discovery to its end.
//!
//! | event | what it means here |
//! |---|---|
//! | `lead.discovered` | begins; said again it changes nothing, and a lead that has ended never begins again |
//! | `outreach.sent` | the lead is answered: now it is on the lead, for a while |
//! | `outreach.replied` | it is on us to answer |
//! | `outreach.bounced` | what we sent last did not arrive, so it answered nobody: it is on us to try again, or in another way if that cannot help; an older message that bounces changes nothing |
//! | `lead.demo.scheduled` | the lead is answered: nobody writes before the demonstration |
//! | `lead.won`, `lead.lost`, `lead.disqualified` | the end |
//! | `lead.qualified`, `outreach.ready` | nothing: a lead that fits, or a draft, is no answer |
//!
//! Each of them that changes something begins its own term ([`crate::Next::term`]). When a term is over, it asks
//! (`agent.task.follow_up`), then reminds (`agent.task.remind`), then escalates (`agent.task.escalate`), and then is
//! quiet: more of the same would be ignored. What changes something after it has asked also says so
//! (`agent.intent.follow_up_over`), so that nobody works on what is done.
//!
//! **Order.** The facts about a lead stand in one partition, in the order in which they were recorded, and producers
//! record late: a fact that happened before the one that counts changes nothing. One from the future happened when it was
//! recorded. What comes before the discovery is kept until then: a lead that is told to be won, and then to be
//! discovered, is won.

use brainops_event::{EventId, Recorded, Timestamp};
use brainops_saga::{Agent, Input, Limits, Refusal, Route, Turn, Wait};
use serde::{Deserialize, Serialize};

use crate::next::Next;
use crate::{body, say, terms};

/// Its only timer.
const TERM: &str = "term";

/// The agent.
#[derive(Debug, Clone, Copy, Default)]
pub struct LeadFollowUp;

/// What it remembers of a lead.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FollowUp {
    /// What has to happen next.
    pub next: Next,
    /// When what it follows from happened; none before the discovery.
    pub since: Option<Timestamp>,
    /// The message that went out last.
    pub outreach: Option<String>,
    /// How far it has gone to have it done.
    pub pressed: Pressed,
    /// The task that it has asked for.
    pub task: Option<EventId>,
}

/// How far the agent has gone to have something done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pressed {
    /// Its term runs.
    #[default]
    Not,
    /// A task was asked for.
    Asked,
    /// Somebody was reminded of it.
    Reminded,
    /// Somebody with authority was told.
    Escalated,
}

impl Agent for LeadFollowUp {
    type State = FollowUp;

    fn name(&self) -> &'static str {
        "lead-follow-up"
    }

    fn version(&self) -> u32 {
        1
    }

    fn topics(&self) -> &'static [&'static str] {
        &["lead"]
    }

    fn route(&self, event: &Recorded<'_>) -> Result<Route, Refusal> {
        let route: fn(&str) -> Route = match event.envelope.event_type() {
            "lead.discovered" => |lead| Route::begins(lead),
            "outreach.sent"
            | "outreach.replied"
            | "outreach.bounced"
            | "lead.demo.scheduled"
            | "lead.won"
            | "lead.lost"
            | "lead.disqualified" => |lead| Route::kept(lead),
            _ => return Ok(Route::nobody()),
        };
        let about: body::AboutLead<'_> = event.decode()?;
        if event.envelope.subject() != Some(&about.lead_id) {
            return Err(Refusal::new("lead_is_not_subject"));
        }
        Ok(route(&about.lead_id))
    }

    fn react(&self, lead: &mut FollowUp, input: &Input<'_>, turn: &mut Turn) -> Result<(), Refusal> {
        if input.timer() == Some(TERM) {
            lead.press(turn);
            return Ok(());
        }
        match input.event_type() {
            "lead.discovered" if lead.since.is_none() => lead.begin(input, turn),
            "outreach.sent" => {
                let body::Sent { outreach_id } = input.decode()?;
                if lead.go_on(Next::Reply, input, turn) {
                    lead.outreach = Some(outreach_id);
                }
            }
            "outreach.replied" => {
                lead.go_on(Next::Answer, input, turn);
            }
            "outreach.bounced" => lead.bounced(&input.decode()?, input, turn),
            "lead.demo.scheduled" => lead.demo(&input.decode()?, input, turn),
            "lead.won" => lead.end("won", input, turn),
            "lead.lost" => lead.end("lost", input, turn),
            "lead.disqualified" => lead.end("disqualified", input, turn),
            _ => {}
        }
        Ok(())
    }

    fn limits(&self) -> Limits {
        // Far more than an hour of leads needs: what is beyond it is a mistake of somebody, and waits for the next hour.
        Limits { hops: 16, actions_per_hour: Some(5_000), ..Limits::DEFAULT }
    }

    fn waits_for(&self, lead: &FollowUp) -> Vec<Wait> {
        vec![
            Wait::for_event("outreach.*", lead.next.reason()).or("lead.demo.scheduled"),
            Wait::for_event("lead.*", "its end: won, lost or disqualified"),
        ]
    }
}

impl FollowUp {
    fn begin(&mut self, input: &Input<'_>, turn: &mut Turn) {
        self.since = Some(happened(input));
        turn.set_timer(TERM, self.next.term());
    }

    /// Something else has to happen next from now on; false if the fact comes late, and changes nothing.
    fn go_on(&mut self, next: Next, input: &Input<'_>, turn: &mut Turn) -> bool {
        let at = happened(input);
        // Whatever is told of a lead is more than its discovery.
        if self.next != Next::FirstTouch && self.since.is_some_and(|since| at < since) {
            return false;
        }
        self.task_is_over(input, turn);
        (self.next, self.since, self.pressed) = (next, Some(at), Pressed::Not);
        turn.set_timer(TERM, next.term());
        true
    }

    /// Only what we sent last, if we know of it, or what we do not know to be sent, says that nobody was reached.
    fn bounced(&mut self, bounced: &body::Bounced, input: &Input<'_>, turn: &mut Turn) {
        let is_last = self.next == Next::Reply && self.outreach.as_ref() == Some(&bounced.outreach_id);
        if is_last || self.next == Next::FirstTouch {
            self.go_on(if bounced.permanent { Next::OtherWay } else { Next::Resend }, input, turn);
        }
    }

    fn demo(&mut self, demo: &body::Demo, input: &Input<'_>, turn: &mut Turn) {
        if self.go_on(Next::Demo, input, turn) {
            let demo_at = demo.demo_at.clamp(turn.now(), turn.now() + terms::LONGEST_WAY_TO_DEMO);
            turn.set_timer_at(TERM, demo_at + Next::Demo.term());
        }
    }

    fn end(&mut self, outcome: &'static str, input: &Input<'_>, turn: &mut Turn) {
        self.task_is_over(input, turn);
        turn.end(outcome);
    }

    fn task_is_over(&mut self, input: &Input<'_>, turn: &mut Turn) {
        if let Some(task) = self.task.take() {
            turn.say(say::over(turn.correlation(), &task, input.event_type()));
        }
    }

    /// A term is over and nothing has happened.
    fn press(&mut self, turn: &mut Turn) {
        let lead_id = turn.correlation().to_owned();
        let (next, task) = (self.next, self.task.as_ref());
        let since = self.since.unwrap_or_else(|| turn.now());
        match self.pressed {
            Pressed::Not => {
                self.task = turn.say(say::follow_up(&lead_id, next, since));
                self.pressed = Pressed::Asked;
                turn.set_timer(TERM, terms::TO_REMIND);
            }
            Pressed::Asked => {
                turn.say(say::remind(&lead_id, next, since, task));
                self.pressed = Pressed::Reminded;
                turn.set_timer(TERM, terms::TO_ESCALATE);
            }
            Pressed::Reminded => {
                turn.say(say::escalate(&lead_id, next, since, task));
                self.pressed = Pressed::Escalated;
            }
            Pressed::Escalated => {}
        }
    }
}

/// When a fact happened; not later than it was recorded, whatever the clock of its producer says.
fn happened(input: &Input<'_>) -> Timestamp {
    input.recorded().happened_at().min(input.recorded().recorded_at)
}
