//! Agents of the revenue family. One so far: [`LeadFollowUp`] sees to it that no lead is forgotten.
//!
//! Pure reactions: they know events and `saga`, and nothing of Postgres, Kafka or HTTP.

mod body;
mod follow_up;
mod next;
mod say;
mod terms;

pub use follow_up::{FollowUp, LeadFollowUp, Pressed};
pub use next::Next;
pub use terms::{
    AFTER_BOUNCE, AFTER_DEMO, LONGEST_WAY_TO_DEMO, TO_ANSWER, TO_BE_ANSWERED, TO_ESCALATE, TO_FIRST_TOUCH,
    TO_REMIND,
};
