//! Given events, when an event comes or time goes by, then decisions. Pure: no stack, no clock.

mod given;
mod recorded;
mod said;
mod steps;

pub use given::{GivenAgent, Reaction, given_agent};
pub use said::Said;
pub use steps::{Answer, fail_each_step};
