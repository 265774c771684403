//! How far a reader of the log is: checkpoints in Postgres that move in the transaction of what was made of the records,
//! and the little around them that every such reader needs.
//!
//! Knows positions and Postgres; does not know what is made of records. Begin with [`Keeper`], then [`take_over`] and
//! [`move_on`], or with [`follow()`], which does all of it for one topic. [`plan`] says what of a batch follows. [`advance`], [`backoff`] and [`sqlstate`] are the parts that know no database.

pub mod advance;
pub mod backoff;
mod checkpoint;
mod follow;
mod held;
mod keeper;
pub mod sqlstate;
mod takeover;

pub use checkpoint::{
    Asked, Checkpoint, Move, Place, begin, begin_unhurried, bind_moves, fence_own, lock_own, move_on,
    moved_sql, place, raise_epochs, read_locked,
};
pub use follow::{
    AtOnce, FollowError, FollowMetrics, FollowOptions, FollowStage, Followed, Rows, Unreadable, follow,
    keep_unreadable, records,
};
pub use held::{Held, State, enter, plan};
pub use keeper::Keeper;
pub use takeover::{Blocker, LOOK_AFTER, blockers, take_over};
