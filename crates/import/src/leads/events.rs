//! Tells what a lead list says as events.

use std::path::Path;

use brainops_event::types::lead::{
    DemoScheduled, LeadDiscovered, LeadDisqualified, LeadLost, LeadQualified, LeadWon,
};
use brainops_event::types::outreach::{OutreachReplied, OutreachSent};
use brainops_event::{
    Envelope, EventId, EventType, Outgoing, Source, Subject, TypedEvent, derived_id, error_chain,
};
use chrono::{DateTime, Utc};

use super::error::LeadsError;
use super::line::Lead;
use super::table;
use crate::ImportKeys;
use crate::erasable::Erasable;
use crate::name::short_name;

/// How many digits of the pseudonym a lead's id keeps: 128 bits.
const ID_DIGITS: usize = 32;
/// A list does not say how people were written to.
const UNKNOWN_CHANNEL: &str = "unknown";

/// A lead list, every line of it found right.
#[derive(Debug)]
pub struct LeadList {
    name: String,
    source: Source,
    leads: Vec<Lead>,
}

/// What an import of leads found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct LeadReport {
    /// People in the list.
    pub leads: u64,
    /// People whose keys were destroyed; their names and addresses were left out.
    pub leads_erased: u64,
}

/// What became of a lead, one variant for each time column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Discovered,
    Qualified,
    OutreachSent,
    Replied,
    Demo,
    Won,
    Lost,
    Disqualified,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Discovered => "discovered",
            Step::Qualified => "qualified",
            Step::OutreachSent => "outreach_sent",
            Step::Replied => "replied",
            Step::Demo => "demo",
            Step::Won => "won",
            Step::Lost => "lost",
            Step::Disqualified => "disqualified",
        }
    }
}

impl LeadList {
    /// Reads and checks a list. Its name, by default the file's without its ending, is part of the source.
    ///
    /// # Errors
    /// The file cannot be read or is too large, the name is unusable, the header or any line is wrong.
    pub fn open(path: &Path, name: Option<&str>) -> Result<LeadList, LeadsError> {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let given = name.unwrap_or(&stem);
        let name = short_name(given).ok_or_else(|| LeadsError::Name { value: given.to_owned() })?;
        let text = format!("brainops/import/leads/{name}");
        let source = Source::new(text.clone())
            .map_err(|error| LeadsError::Event { what: text, reason: error.to_string() })?;
        Ok(LeadList { name, source, leads: table::read(path)? })
    }

    /// The list's name: lower-case letters, digits, `.`, `_`, `-`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The source of every event that is imported from it.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The events of this list: the same for the same list.
    pub fn events<'k, Keys: ImportKeys + ?Sized>(self, keys: &'k Keys) -> LeadEvents<'k, Keys> {
        let people: Vec<Person> = self.leads.into_iter().map(|lead| Person::new(lead, keys)).collect();
        let mut order: Vec<(usize, usize)> = people
            .iter()
            .enumerate()
            .flat_map(|(person, told)| (0..told.steps.len()).map(move |round| (round, person)))
            .collect();
        // First facts of all, then second facts of all: neighbours are about different people, so that many
        // can be on their way at once while the facts about one person keep their order.
        order.sort_unstable();
        let report = LeadReport { leads: people.len() as u64, leads_erased: 0 };
        LeadEvents {
            outreach_id: format!("import-{}", self.name),
            source: self.source,
            seals: Erasable::new(keys),
            people,
            order: order.into_iter(),
            prepared: 0,
            report,
        }
    }
}

/// A lead with its id and its facts in their order.
struct Person {
    id: String,
    lead: Lead,
    steps: Vec<(DateTime<Utc>, Step)>,
}

impl Person {
    fn new<Keys: ImportKeys + ?Sized>(lead: Lead, keys: &Keys) -> Person {
        let mut pseudonym = keys.pseudonym("lead", &lead.email);
        pseudonym.truncate(ID_DIGITS);
        let times = [
            (lead.qualified_at, Step::Qualified),
            (lead.outreach_sent_at, Step::OutreachSent),
            (lead.replied_at, Step::Replied),
            (lead.demo_at, Step::Demo),
            (lead.won_at, Step::Won),
            (lead.lost_at, Step::Lost),
            (lead.disqualified_at, Step::Disqualified),
        ];
        let mut steps = vec![(lead.discovered_at, Step::Discovered)];
        steps.extend(times.into_iter().filter_map(|(at, step)| at.map(|at| (at, step))));
        steps.sort(); // by time; at the same time in the order of the funnel
        Person { id: format!("lead-{pseudonym}"), lead, steps }
    }
}

/// The events of a lead list.
pub struct LeadEvents<'k, Keys: ?Sized> {
    source: Source,
    outreach_id: String,
    seals: Erasable<'k, Keys>,
    people: Vec<Person>,
    order: std::vec::IntoIter<(usize, usize)>,
    /// How many people's keys are made.
    prepared: usize,
    report: LeadReport,
}

impl<Keys: ImportKeys + ?Sized> LeadEvents<'_, Keys> {
    /// How many events there will be.
    pub fn total(&self) -> u64 {
        self.people.iter().map(|person| person.steps.len() as u64).sum()
    }

    /// What was found.
    pub fn report(&self) -> LeadReport {
        LeadReport { leads_erased: self.seals.gone(), ..self.report }
    }

    fn read(&mut self, round: usize, at: usize) -> Result<Outgoing, LeadsError> {
        let (time, step) = self.people[at].steps[round];
        let id = derived_id(&self.source, &[&self.people[at].id, step.name()]);
        if step == Step::Discovered && at >= self.prepared {
            self.prepare(at)?;
        }
        self.tell(id, at, time, step)
    }

    /// Makes the keys of the next people at once.
    fn prepare(&mut self, from: usize) -> Result<(), LeadsError> {
        const AHEAD: usize = 256;
        let until = self.people.len().min(from + AHEAD);
        let ids: Vec<&str> = self.people[from..until].iter().map(|person| person.id.as_str()).collect();
        self.seals.prepare(&ids)?;
        self.prepared = until;
        Ok(())
    }

    fn tell(
        &mut self,
        id: EventId,
        at: usize,
        time: DateTime<Utc>,
        step: Step,
    ) -> Result<Outgoing, LeadsError> {
        let Person { id: lead_id, lead, .. } = &self.people[at];
        let lead_id = lead_id.clone();
        let outreach_id = self.outreach_id.clone();
        let about = About { id, source: &self.source, lead_id: lead_id.clone(), time };
        match step {
            Step::Discovered => {
                let name = lead.name.as_deref().unwrap_or_default();
                let event = LeadDiscovered {
                    name: self.seals.seal(&lead_id, "name", name)?,
                    email: self.seals.seal(&lead_id, "email", &lead.email)?,
                    lead_id,
                    company: lead.company.clone(),
                    channel: lead.channel.clone(),
                };
                about.outgoing(&event)
            }
            Step::Qualified => about.outgoing(&LeadQualified { lead_id, score: lead.score, segment: None }),
            Step::OutreachSent => {
                about.outgoing(&OutreachSent { lead_id, outreach_id, channel: UNKNOWN_CHANNEL.to_owned() })
            }
            Step::Replied => about.outgoing(&OutreachReplied { lead_id, outreach_id, body: None }),
            Step::Demo => about.outgoing(&DemoScheduled { lead_id, demo_at: time }),
            Step::Won => {
                let (amount_minor, currency) = (lead.amount_minor, lead.currency.clone());
                about.outgoing(&LeadWon { lead_id, amount_minor, currency })
            }
            Step::Lost => about.outgoing(&LeadLost { lead_id, reason_code: None }),
            Step::Disqualified => about.outgoing(&LeadDisqualified { lead_id, reason_code: None }),
        }
    }
}

/// What every fact about a lead has.
struct About<'a> {
    id: EventId,
    source: &'a Source,
    lead_id: String,
    time: DateTime<Utc>,
}

impl About<'_> {
    fn outgoing<Event: TypedEvent>(self, event: &Event) -> Result<Outgoing, LeadsError> {
        let what = || format!("{} of {}", Event::EVENT_TYPE, self.lead_id);
        let refused =
            |error: &dyn std::error::Error| LeadsError::Event { what: what(), reason: error_chain(error) };
        let event_type = EventType::new(Event::EVENT_TYPE).map_err(|error| refused(&error))?;
        let subject = Subject::new(self.lead_id.clone()).map_err(|error| refused(&error))?;
        let envelope =
            Envelope::new(self.id.clone(), self.source.clone(), event_type, subject).with_time(self.time);
        Outgoing::typed(envelope, event).map_err(|error| refused(&error))
    }
}

impl<Keys: ImportKeys + ?Sized> Iterator for LeadEvents<'_, Keys> {
    type Item = Result<Outgoing, LeadsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (round, person) = self.order.next()?;
        Some(self.read(round, person))
    }
}
