//! Repositories beneath named roots: `git.log`, `git.show`, `git.diff` read them; `git.branch`, `git.commit`, `git.merge` and `git.revert` move
//! branches that no working tree has, and never take a commit away.
//!
//! What people have written about themselves stays out: authors' names and addresses, and messages, which events hold sealed, are
//! not told here. Nothing of a repository is run: no hooks, no filters, no external programs, no configuration of whoever runs us.

mod branch;
mod commit;
mod diff;
mod log;
mod merge;
mod run;
mod show;
mod tip;

pub use branch::GitBranch;
pub use commit::{GitCommit, GitRevert};
pub use diff::GitDiff;
pub use log::GitLog;
pub use merge::GitMerge;
pub use run::Repositories;
pub(crate) use run::{check_revision, git};
pub use show::GitShow;
