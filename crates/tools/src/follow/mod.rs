//! Follows the topic `tool`: calls that are asked for become rows, and those for which this process has room are claimed in the
//! same transaction, so that one commit lies between a call in the log and its start. Where little is under way, and a batch brings
//! nothing but calls or nothing but what the gate has said of them, that transaction is one statement.

pub(crate) mod fold;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use brainops_checkpoint::sqlstate::outcome_is_unknown;
use brainops_checkpoint::{AtOnce, FollowMetrics, Followed, Keeper, Move, Place, Rows};
use brainops_event::TypedEvent as _;
use brainops_event::types::tool::CallRequested;
use brainops_fault::point;
use brainops_log::Item;
use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use tokio::sync::OwnedSemaphorePermit;

use self::fold::Folded;
use crate::desk::{Desk, Held};
use crate::metrics as names;
use crate::row::Call;

/// The topic, without its prefix.
pub(crate) const TOPIC: &str = "tool";

/// What is followed, and who follows.
pub(crate) const FOLLOWED: Followed = Followed {
    what: "calls of tools",
    topic: TOPIC,
    group: "tools",
    checkpoints: "brainops.tool_checkpoint",
};

/// Makes rows of calls, and hands those that it has claimed to the desk.
pub(crate) struct CallRows(pub(crate) Arc<Desk>);

/// The calls of a batch that were claimed on the way, and the room for them.
pub(crate) struct Claimed {
    calls: Vec<Call>,
    room: Vec<OwnedSemaphorePermit>,
    folded: Folded,
}

impl Rows for CallRows {
    type Written = Claimed;

    const METRICS: FollowMetrics = FollowMetrics {
        records: names::FOLLOWED_TOTAL,
        retries: names::RETRIES_TOTAL,
        unknown_commits: names::UNKNOWN_COMMITS_TOTAL,
        batch_seconds: names::BATCH_SECONDS,
    };

    /// Only a claim must not be taken back: somebody acts upon it. All else says what the log says.
    fn is_unhurried(&self, items: &[Item<'_>]) -> bool {
        let asks = |item: &Item<'_>| matches!(item, Item::Event(event) if event.envelope.event_type() == CallRequested::EVENT_TYPE);
        !items.iter().any(asks)
    }

    async fn write(
        &mut self,
        connection: &mut PgConnection,
        items: &[Item<'_>],
        ours: &BTreeSet<Place>,
    ) -> Result<Self::Written, sqlx::Error> {
        point("tool.follow_moved");
        let folded = fold::fold(items, ours);
        let room = self.0.room(folded.asked.len());
        let calls = write::write(connection, &folded, (self.0.executor(), room.len())).await?;
        point("tool.follow_written");
        Ok(Claimed { calls, room, folded })
    }

    async fn write_at_once(
        &mut self,
        pool: &PgPool,
        keeper: &Keeper,
        items: &[Item<'_>],
        moves: &BTreeMap<Place, Move>,
    ) -> Result<AtOnce<Self::Written>, sqlx::Error> {
        if !self.0.has_few() {
            return Ok(AtOnce::Not);
        }
        let folded = fold::fold(items, &moves.keys().cloned().collect());
        if !folded.is_of_one_kind() {
            return Ok(AtOnce::Not);
        }
        let room = self.0.room(folded.asked.len());
        let written = if folded.asked.is_empty() {
            let moved = write::write_words_at_once(pool, (keeper, moves), &folded).await;
            moved.map(|moved| moved.then(Vec::new))
        } else {
            let claimer = (self.0.executor(), room.len());
            let claimed = write::write_asked_at_once(pool, (keeper, moves), &folded, claimer).await;
            point("tool.follow_claimed");
            claimed
        };
        match written {
            Ok(Some(calls)) => Ok(AtOnce::Moved(Claimed { calls, room, folded })),
            Ok(None) => Ok(AtOnce::NotMoved),
            Err(error) if outcome_is_unknown(&error) => {
                Ok(AtOnce::Unknown(Claimed { calls: Vec::new(), room, folded }, error))
            }
            Err(error) => Err(error),
        }
    }

    async fn recall(&mut self, pool: &PgPool, written: &mut Self::Written) -> Result<(), sqlx::Error> {
        written.calls = write::recall_claimed(pool, &written.folded, self.0.executor()).await?;
        Ok(())
    }

    fn committed(&mut self, Claimed { calls, room, folded }: Claimed) {
        let leaves_some = calls.len() < folded.asked.len();
        for (call, permit) in calls.into_iter().zip(room) {
            self.0.hand_over(Held { call, permit, is_inherited: false });
        }
        if leaves_some {
            self.0.left_waiting();
        }
    }
}
