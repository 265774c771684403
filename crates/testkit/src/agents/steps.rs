//! Fails each step of an agent in turn, and looks whether the world is clean afterwards.

use std::collections::VecDeque;

use brainops_event::Outgoing;
use brainops_saga::{Cast, StepPhase};

use super::given::GivenAgent;
use super::said::Said;

/// How many events a story may have.
const MAX_EVENTS: usize = 10_000;

/// How the world of a test answers what an agent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// It fails.
    Fails,
}

/// Lives through a story once for each of its steps, and lets that step fail: once without a trace, once after it has half
/// happened. `answers` says what the world says to a decision, if anything; it is asked to fail only for the step in
/// question.
///
/// Checks that each saga ends, that what happened is undone in reverse, once each, and that nothing is undone that was
/// never told. Answers how many steps the story has.
///
/// # Panics
/// When one of this does not hold.
#[track_caller]
pub fn fail_each_step(
    cast: &Cast,
    correlation: &str,
    begin: &[Outgoing],
    answers: impl Fn(&Said, Answer) -> Option<Outgoing>,
) -> usize {
    let whole = Story::live(cast, correlation, begin, &answers, None);
    assert!(whole.undone.is_empty(), "steps are undone although none has failed: {:?}", whole.undone);
    let steps = whole.told.len();
    for failing in 0..steps {
        for leaves_a_trace in [false, true] {
            Story::live(cast, correlation, begin, &answers, Some((failing, leaves_a_trace))).is_clean();
        }
    }
    steps
}

/// One way in which it may go.
struct Story {
    failed: Option<String>,
    /// Steps in the order in which they were told.
    told: Vec<String>,
    /// What there is in the world, by the step that made it.
    world: Vec<String>,
    /// Steps whose undo was told, in order.
    undone: Vec<String>,
    queue: VecDeque<Outgoing>,
}

impl Story {
    #[track_caller]
    fn live(
        cast: &Cast,
        correlation: &str,
        begin: &[Outgoing],
        answers: &impl Fn(&Said, Answer) -> Option<Outgoing>,
        failing: Option<(usize, bool)>,
    ) -> Self {
        let mut given = GivenAgent::of(cast.clone());
        let mut story = Self {
            failed: None,
            told: Vec::new(),
            world: Vec::new(),
            undone: Vec::new(),
            queue: begin.iter().cloned().collect(),
        };
        for _ in 0..MAX_EVENTS {
            match story.queue.pop_front() {
                Some(event) => given.append(event),
                None => match given.next_deadline() {
                    Some(deadline) => given = given.recorded_from(deadline),
                    None => break,
                },
            }
            for written in given.take_written().iter().filter(|written| !written.is_fact) {
                let answer = story.heed(&given, correlation, &Said::of(written), failing);
                story.queue.extend(answers(&Said::of(written), answer));
            }
        }
        let saga = given.saga(correlation);
        let status = saga.map_or("not there", brainops_saga::Instance::status);
        assert!(
            status == "ended",
            "with {:?} failing, the saga is {status}, and nothing comes",
            story.failed
        );
        story
    }

    /// Notes what a decision does to the world, and says how the world answers.
    #[track_caller]
    fn heed(
        &mut self,
        given: &GivenAgent,
        correlation: &str,
        said: &Said,
        failing: Option<(usize, bool)>,
    ) -> Answer {
        let steps = given.saga(correlation).map(|saga| &saga.book.steps);
        for step in steps.into_iter().flatten() {
            if said.id.as_deref() == Some(step.said.as_str()) {
                let fails = failing.is_some_and(|(place, _)| place == self.told.len());
                self.told.push(step.name.clone());
                if fails {
                    self.failed = Some(step.name.clone());
                }
                if !fails || failing.is_some_and(|(_, leaves_a_trace)| leaves_a_trace) {
                    self.world.push(step.name.clone());
                }
                return if fails { Answer::Fails } else { Answer::Done };
            }
            if said.id.as_deref() == step.undo_said.as_ref().map(brainops_event::EventId::as_str) {
                assert!(self.told.contains(&step.name), "{} is undone and was never told", step.name);
                assert!(step.phase != StepPhase::Skipped, "{} is undone and skipped", step.name);
                self.undone.push(step.name.clone());
                self.world.retain(|made| *made != step.name);
            }
        }
        Answer::Done
    }

    /// Whether nothing is left of a story that failed.
    #[track_caller]
    fn is_clean(&self) {
        let failed = &self.failed;
        assert!(
            self.world.is_empty(),
            "with {failed:?} failing, the world is left with {:?}; told: {:?}, undone: {:?}",
            self.world,
            self.told,
            self.undone
        );
        let places = self.undone.iter().map(|name| self.told.iter().position(|told| told == name));
        let places: Vec<_> = places.collect();
        assert!(
            places.windows(2).all(|pair| pair[0] > pair[1]),
            "with {failed:?} failing, steps are not undone in reverse, once each: {:?}",
            self.undone
        );
    }
}
