//! I3: checkpoints never go back, and only the owner of an epoch moves them.

use std::collections::BTreeMap;

use sqlx::PgPool;

/// A move of a checkpoint, as the trigger saw it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Move {
    pub(crate) worker: Option<String>,
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) old_next: Option<i64>,
    pub(crate) new_next: i64,
    pub(crate) old_epoch: Option<i64>,
    pub(crate) new_epoch: i64,
}

/// All moves, those of one partition in their order.
pub(crate) async fn moves(pool: &PgPool) -> Result<Vec<Move>, sqlx::Error> {
    let sql = "SELECT worker, topic, partition, old_next, new_next, old_epoch, new_epoch FROM watch.move ORDER BY id";
    sqlx::query_as(sql).fetch_all(pool).await
}

/// What is wrong with a history of moves, in words.
pub(crate) fn wrong(moves: &[Move]) -> Vec<String> {
    let mut owners: BTreeMap<(&str, i32), (Option<&str>, i64, i64)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for one in moves {
        let place = (one.topic.as_str(), one.partition);
        let (owner, epoch, next) = owners.get(&place).copied().unwrap_or((one.worker.as_deref(), 0, 0));
        if one.new_epoch < epoch || one.new_next < next || one.old_next.is_some_and(|old| one.new_next < old)
        {
            wrong.push(format!("a checkpoint goes back from {next} in epoch {epoch}: {one:?}"));
        }
        let taken_over = one.old_epoch.is_none_or(|old| one.new_epoch > old);
        let moved = one.old_next.is_some_and(|old| old != one.new_next);
        if moved && !taken_over && one.worker.as_deref() != owner {
            wrong.push(format!("epoch {epoch} belongs to {owner:?}, and somebody else writes: {one:?}"));
        }
        let owner = if taken_over { one.worker.as_deref() } else { owner };
        owners.insert(place, (owner, one.new_epoch, one.new_next));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(worker: &str, next: (Option<i64>, i64), epoch: (Option<i64>, i64)) -> Move {
        Move {
            worker: Some(worker.to_owned()),
            topic: "t".to_owned(),
            partition: 0,
            old_next: next.0,
            new_next: next.1,
            old_epoch: epoch.0,
            new_epoch: epoch.1,
        }
    }

    #[test]
    fn zombies_and_steps_back_are_seen() {
        let begun = [one("a", (None, 0), (None, 1)), one("a", (Some(0), 5), (Some(1), 1))];
        let taken = one("b", (Some(5), 5), (Some(1), 2));
        let good = one("b", (Some(5), 9), (Some(2), 2));
        let zombie = one("a", (Some(5), 8), (Some(2), 2));
        let back = one("b", (Some(9), 4), (Some(2), 2));
        let all = |more: &[&Move]| begun.iter().chain(more.iter().copied()).cloned().collect::<Vec<_>>();
        assert!(wrong(&all(&[&taken, &good])).is_empty());
        assert_eq!(wrong(&all(&[&taken, &zombie])).len(), 1);
        assert_eq!(wrong(&all(&[&taken, &good, &back])).len(), 1);
    }
}
