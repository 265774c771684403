//! Past moments: a read model as it stood, as tables that can be asked.
//!
//! | clock | what it holds | up to where |
//! |---|---|---|
//! | recorded | what the log held at that time | the offsets of that time: later arrivals change nothing |
//! | happened | what had happened by that time, as far as the log knows now | the end of the log: late arrivals change it, and the answer says up to where it was folded |
//!
//! A moment is folded like a rebuild, into tables of its own (`leads_asof_12`), with its derived views beside them. It
//! begins with the rows of the nearest moment before it that is still there, if folding on from there costs less than
//! folding from the beginning: then what it costs follows rows and what has changed since, not history.

mod base;
mod begin;
mod error;
mod list;
mod open;
mod resolve;
mod text;

pub use begin::{MomentState, MomentWanted, moment_state, offer_moment, withdraw_expired};
pub use error::MomentError;
pub use list::{ListedMoment, list_moments};
pub use open::in_schema;
pub(crate) use open::open_to_readers;
pub use resolve::{Clock, MomentAt, MomentQuestion, ResolvedMoment, resolve_moment};
pub use text::MomentTextError;
