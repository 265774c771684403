//! When a lead reached each stage, and where it therefore stands.
//!
//! The stage is a function of times of happening, not of the order in which the facts were recorded: a fact that comes
//! late fills in its time and moves the lead only if it is further, and an end holds against all but a later end.

use brainops_event::Timestamp;

use crate::stage::Stage;

/// When the fact happened that means each stage: the earliest such fact, for the ends the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Milestones {
    /// `lead.discovered`.
    pub discovered_at: Option<Timestamp>,
    /// `lead.qualified`.
    pub qualified_at: Option<Timestamp>,
    /// `outreach.sent`.
    pub first_sent_at: Option<Timestamp>,
    /// `outreach.replied`.
    pub first_replied_at: Option<Timestamp>,
    /// `lead.demo.scheduled`.
    pub demo_scheduled_at: Option<Timestamp>,
    /// `lead.won`.
    pub won_at: Option<Timestamp>,
    /// `lead.lost`.
    pub lost_at: Option<Timestamp>,
    /// `lead.disqualified`.
    pub disqualified_at: Option<Timestamp>,
}

impl Milestones {
    /// When the stage was reached.
    #[must_use]
    pub const fn reached(&self, stage: Stage) -> Option<Timestamp> {
        match stage {
            Stage::Discovered => self.discovered_at,
            Stage::Qualified => self.qualified_at,
            Stage::Contacted => self.first_sent_at,
            Stage::Replied => self.first_replied_at,
            Stage::Demo => self.demo_scheduled_at,
            Stage::Won => self.won_at,
            Stage::Lost => self.lost_at,
            Stage::Disqualified => self.disqualified_at,
        }
    }

    const fn place(&mut self, stage: Stage) -> &mut Option<Timestamp> {
        match stage {
            Stage::Discovered => &mut self.discovered_at,
            Stage::Qualified => &mut self.qualified_at,
            Stage::Contacted => &mut self.first_sent_at,
            Stage::Replied => &mut self.first_replied_at,
            Stage::Demo => &mut self.demo_scheduled_at,
            Stage::Won => &mut self.won_at,
            Stage::Lost => &mut self.lost_at,
            Stage::Disqualified => &mut self.disqualified_at,
        }
    }

    /// Takes a fact; true when it is the one that counts for its stage from now on.
    pub(crate) fn reach(&mut self, stage: Stage, at: Timestamp) -> bool {
        let place = self.place(stage);
        let counts = match *place {
            None => true,
            Some(known) if stage.is_end() => at >= known,
            Some(known) => at < known,
        };
        if counts {
            *place = Some(at);
        }
        counts
    }

    /// The last end to happen if there is one, else the furthest stage; none when no fact means a stage. Of ends at
    /// one moment won counts before lost, and lost before disqualified.
    pub(crate) fn current(&self) -> Option<(Stage, Timestamp)> {
        let reached = |stage: Stage| self.reached(stage).map(|at| (stage, at));
        let ends = Stage::ALL.into_iter().filter(|stage| stage.is_end()).filter_map(reached);
        let forward = Stage::ALL.into_iter().filter(|stage| !stage.is_end()).filter_map(reached);
        ends.max_by_key(|(stage, at)| (*at, *stage)).or_else(|| forward.max_by_key(|(stage, _)| *stage))
    }
}
