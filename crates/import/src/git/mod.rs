//! History of a git repository as events: its commits, tags and branches, and its release tags as deployments.
//!
//! Order: commits with parents before children, then tags, branches, and deployments in the order of their time.
//! Every id is derived from the source and what the event says, so importing again makes the same ids. A branch
//! is told as it stands; one that goes back to a commit where it stood at an earlier import is not told again.

mod command;
mod commits;
mod deployments;
mod error;
mod events;
mod facts;
mod refs;
mod repository;
mod text;
mod token;

pub use commits::{PATHS, PATHS_BYTES};
pub use deployments::{DeploymentsFromTags, TagPattern};
pub use error::GitError;
pub use events::{GitEvents, GitReport};
pub use repository::Repository;
pub use text::{AUTHOR_BYTES, MESSAGE_BYTES, PATH_BYTES};
