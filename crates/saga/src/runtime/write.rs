//! Writes what instances have become: rows, inbox, kept inputs, timers.

use std::collections::BTreeSet;

use brainops_event::{EventId, Timestamp};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::sort::Unrouted;
use super::store::StoreError;
use crate::canonical;
use crate::instance::Instance;
use crate::refusal::Refusal;

/// What one instance was, as far as rows beside its own depend on it.
#[derive(Debug, Default)]
pub(crate) struct Before {
    timers: BTreeSet<EventId>,
    kept: BTreeSet<i64>,
    is_over_budget: bool,
}

impl Before {
    pub(crate) fn of(instance: &Instance) -> Self {
        Self {
            timers: instance.book.timers.values().map(|open| open.setting.clone()).collect(),
            kept: instance.mailbox.iter().map(|(number, _)| *number).collect(),
            is_over_budget: instance.is_over_budget(),
        }
    }
}

/// Writes instances that have changed, in the order of their correlations; those that stand over their agent's budget stand
/// until then.
pub(crate) async fn save(
    connection: &mut PgConnection,
    agent: &str,
    changed: &[(Before, Instance)],
    until: Option<Timestamp>,
) -> Result<(), StoreError> {
    let all = || changed.iter().map(|(_, instance)| instance);
    let texts =
        |text: fn(&Instance) -> Result<String, Refusal>| all().map(text).collect::<Result<Vec<_>, _>>();
    sqlx::query(include_str!("../sql/save.sql"))
        .bind(agent)
        .bind(all().map(|one| one.correlation.as_str()).collect::<Vec<_>>())
        .bind(all().map(|one| one.run).collect::<Vec<_>>())
        .bind(all().map(|one| i32::try_from(one.version).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(all().map(|one| one.revision).collect::<Vec<_>>())
        .bind(all().map(|one| one.phase.as_str()).collect::<Vec<_>>())
        .bind(all().map(Instance::status).collect::<Vec<_>>())
        .bind(all().map(|one| one.state.as_str()).collect::<Vec<_>>())
        .bind(texts(|one| canonical::text_of(&one.book))?)
        .bind(all().map(|one| i32::try_from(one.waiting_inputs()).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(all().map(|one| one.last_input_at).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    save_kept(connection, agent, changed).await?;
    save_timers(connection, agent, changed).await?;
    save_over_budget(connection, agent, changed, until).await?;
    Ok(())
}

async fn save_kept(
    connection: &mut PgConnection,
    agent: &str,
    changed: &[(Before, Instance)],
) -> Result<(), StoreError> {
    let (mut new, mut gone) = (Vec::new(), Vec::new());
    for (before, instance) in changed {
        let now: BTreeSet<i64> = instance.mailbox.iter().map(|(number, _)| *number).collect();
        let correlation = instance.correlation.as_str();
        gone.extend(before.kept.difference(&now).map(|number| (correlation, *number)));
        for (number, kept) in instance.mailbox.iter().filter(|(number, _)| !before.kept.contains(number)) {
            new.push((correlation, *number, canonical::text_of(kept)?));
        }
    }
    if !gone.is_empty() {
        sqlx::query(include_str!("../sql/unkeep.sql"))
            .bind(agent)
            .bind(gone.iter().map(|(correlation, _)| *correlation).collect::<Vec<_>>())
            .bind(gone.iter().map(|(_, number)| *number).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    if !new.is_empty() {
        sqlx::query(include_str!("../sql/keep.sql"))
            .bind(agent)
            .bind(new.iter().map(|(correlation, ..)| *correlation).collect::<Vec<_>>())
            .bind(new.iter().map(|(_, number, _)| *number).collect::<Vec<_>>())
            .bind(new.iter().map(|(.., input)| input.as_str()).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// A row of the table of timers.
type TimerRow<'a> = (&'a str, &'a str, i32, &'a str, Timestamp);

async fn save_timers(
    connection: &mut PgConnection,
    agent: &str,
    changed: &[(Before, Instance)],
) -> Result<(), sqlx::Error> {
    let (mut new, mut gone): (Vec<TimerRow<'_>>, Vec<&str>) = (Vec::new(), Vec::new());
    for (before, instance) in changed {
        let open = || instance.book.timers.iter();
        gone.extend(
            before
                .timers
                .iter()
                .filter(|setting| !open().any(|(_, one)| one.setting == **setting))
                .map(EventId::as_str),
        );
        let set = open().filter(|(_, one)| !before.timers.contains(&one.setting));
        new.extend(set.map(|(name, one)| {
            let correlation = instance.correlation.as_str();
            (one.setting.as_str(), correlation, instance.run, name.as_str(), one.deadline)
        }));
    }
    if !gone.is_empty() {
        // In one order, as the sweeper's.
        gone.sort_unstable();
        let sql = "DELETE FROM brainops.saga_timer WHERE setting = ANY ($1)";
        sqlx::query(sql).bind(&gone).execute(&mut *connection).await?;
    }
    if !new.is_empty() {
        sqlx::query(include_str!("../sql/set_timers.sql"))
            .bind(agent)
            .bind(new.iter().map(|row| row.0).collect::<Vec<_>>())
            .bind(new.iter().map(|row| row.1).collect::<Vec<_>>())
            .bind(new.iter().map(|row| row.2).collect::<Vec<_>>())
            .bind(new.iter().map(|row| row.3).collect::<Vec<_>>())
            .bind(new.iter().map(|row| row.4).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Notes which instances stand until the next hour of their agent's budget, and which do not any more.
async fn save_over_budget(
    connection: &mut PgConnection,
    agent: &str,
    changed: &[(Before, Instance)],
    until: Option<Timestamp>,
) -> Result<(), sqlx::Error> {
    let gone = changed.iter().filter(|(before, one)| before.is_over_budget && !one.is_over_budget());
    let gone: Vec<&str> = gone.map(|(_, one)| one.correlation.as_str()).collect();
    if !gone.is_empty() {
        let sql = "DELETE FROM brainops.saga_over_budget WHERE agent = $1 AND correlation = ANY ($2)";
        sqlx::query(sql).bind(agent).bind(&gone).execute(&mut *connection).await?;
    }
    let over = changed.iter().filter(|(_, one)| one.is_over_budget());
    let stands = over.filter_map(|(_, one)| Some((one.correlation.as_str(), one.book.parked.as_ref()?)));
    let (correlations, inputs): (Vec<&str>, Vec<&str>) =
        stands.map(|(correlation, parked)| (correlation, parked.input.as_str())).unzip();
    if correlations.is_empty() {
        return Ok(());
    }
    let stand = sqlx::query(include_str!("../sql/stand_over_budget.sql")).bind(agent);
    stand.bind(&correlations).bind(&inputs).bind(until).execute(connection).await?;
    Ok(())
}

/// Notes which inputs were taken: in their turn, or before it.
pub(crate) async fn note_taken(
    connection: &mut PgConnection,
    agent: &str,
    names: &[Uuid],
    in_turn: bool,
) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO brainops.saga_inbox (input, agent, passed_at) \
               SELECT unnest($2::uuid[]), $1, CASE WHEN $3 THEN brainops.saga_clock() ELSE 'infinity' END \
                   ON CONFLICT DO NOTHING";
    sqlx::query(sql).bind(agent).bind(names).bind(in_turn).execute(&mut *connection).await?;
    Ok(())
}

/// Notes that the turn has come of inputs that were taken before it.
pub(crate) async fn note_passed(connection: &mut PgConnection, names: &[Uuid]) -> Result<(), sqlx::Error> {
    if names.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE brainops.saga_inbox SET passed_at = brainops.saga_clock() WHERE input = ANY ($1)";
    sqlx::query(sql).bind(names).execute(&mut *connection).await?;
    Ok(())
}

/// Gives places up that nothing began in.
pub(crate) async fn leave_places(
    connection: &mut PgConnection,
    agent: &str,
    places: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query(include_str!("../sql/leave_places.sql"))
        .bind(agent)
        .bind(places)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// Notes records of which nobody can say whom they concern.
pub(crate) async fn note_unrouted(
    connection: &mut PgConnection,
    agent: &str,
    unrouted: &[Unrouted],
) -> Result<(), sqlx::Error> {
    sqlx::query(include_str!("../sql/unrouted.sql"))
        .bind(agent)
        .bind(unrouted.iter().map(|one| one.position.topic.as_str()).collect::<Vec<_>>())
        .bind(unrouted.iter().map(|one| one.position.partition.get()).collect::<Vec<_>>())
        .bind(unrouted.iter().map(|one| one.position.offset.get()).collect::<Vec<_>>())
        .bind(unrouted.iter().map(|one| one.class).collect::<Vec<_>>())
        .bind(unrouted.iter().map(|one| one.code).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    Ok(())
}
