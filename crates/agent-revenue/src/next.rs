//! What has to happen next with a lead, and by whom.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::terms;

/// What has to happen next. *Answered* is a lead with whom we were in touch last: it is on the lead to say something, or a
/// demonstration is agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// We get in touch for the first time.
    #[default]
    FirstTouch,
    /// We answer what the lead has written.
    Answer,
    /// The lead replies to our message; when it does not, we write again.
    Reply,
    /// We send again what bounced.
    Resend,
    /// We find another way to the lead: its address is wrong for good.
    OtherWay,
    /// The demonstration takes place, and we ask how it was.
    Demo,
}

impl Next {
    /// How long that may take; for a demonstration from its own moment on.
    #[must_use]
    pub const fn term(self) -> TimeDelta {
        match self {
            Self::FirstTouch => terms::TO_FIRST_TOUCH,
            Self::Answer => terms::TO_ANSWER,
            Self::Reply => terms::TO_BE_ANSWERED,
            Self::Resend | Self::OtherWay => terms::AFTER_BOUNCE,
            Self::Demo => terms::AFTER_DEMO,
        }
    }

    /// What is waited for, for people.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::FirstTouch => "a first message to the lead",
            Self::Answer => "an answer to the lead",
            Self::Reply => "a reply of the lead",
            Self::Resend => "another try after a bounce",
            Self::OtherWay => "another way to the lead",
            Self::Demo => "what comes of the demonstration",
        }
    }
}
