//! Repositories beneath named roots, read: `git.log`, `git.show`, `git.diff`.
//!
//! What people have written about themselves stays out: authors' names and addresses, and messages, which events hold sealed, are
//! not told here. Nothing of a repository is run: no hooks, no filters, no external programs, no configuration of whoever runs us.

mod diff;
mod log;
mod run;
mod show;

pub use diff::GitDiff;
pub use log::GitLog;
pub use run::Repositories;
pub(crate) use run::{check_revision, git};
pub use show::GitShow;
