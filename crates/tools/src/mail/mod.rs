//! `mail.send`: one letter to one person, whose address and text stand sealed in the call and are opened at the act alone.
//!
//! | promise | where it is kept |
//! |---|---|
//! | no address and no text stands in an event | [`SealedText`](crate::SealedText) refuses plain text; no error repeats what was opened, nor what the server says |
//! | nobody gets what was written to another | `letter.rs`: address, subject and text are sealed under one key |
//! | only chosen domains are written to | `letter.rs`: `tools.mail.domains`, since the policy sees no address |
//! | who does not know whether a letter went out says so | `talk.rs`: from the first byte of the text on, only the server's answer counts |
//! | the password is not sent in plain | [`MailConfig::check`], and `talk.rs` looks again before it is sent |

mod config;
mod letter;
mod message_id;
mod send;
mod talk;

pub use config::{Encryption, MailConfig, MailConfigError};
pub use send::MailSend;
