//! What an agent has spent in this hour. The row of the hour is locked from the look at it until COMMIT, so what all processes
//! decide together is never more than the budget.

use std::collections::BTreeSet;

use brainops_event::types::agent::BudgetExhausted;
use brainops_event::{Envelope, EventType, Outgoing, Subject, Timestamp, TypedEvent as _, derived_id};
use brainops_fault::{Bug, planted};
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use crate::limits::Limits;
use crate::pen::source_of;
use crate::purse::{ACTIONS, COST, Price};
use crate::refusal::Refusal;

/// What was spent in this hour by all processes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) hour: Timestamp,
    /// When the hour ends.
    pub(crate) until: Timestamp,
    pub(crate) price: Price,
}

/// Looks at what was spent, and locks it; nothing for an agent without a budget.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    agent: &str,
    limits: &Limits,
) -> Result<Option<Spent>, sqlx::Error> {
    if limits.actions_per_hour.is_none() && limits.cost_per_hour.is_none() {
        return Ok(None);
    }
    let held = sqlx::query(include_str!("../sql/hold_spent.sql")).bind(agent);
    let row = held.fetch_one(&mut *connection).await?;
    if row.try_get("is_new")? {
        let old = "DELETE FROM brainops.saga_spent WHERE agent = $1 AND hour < brainops.saga_clock() - interval '2 days'";
        sqlx::query(old).bind(agent).execute(connection).await?;
    }
    let number = |name| -> Result<u64, sqlx::Error> { Ok(row.try_get::<i64, _>(name)?.unsigned_abs()) };
    let price = Price { actions: number("actions")?, cost: number("cost")? };
    Ok(Some(Spent { hour: row.try_get("hour")?, until: row.try_get("until")?, price }))
}

impl Spent {
    /// Notes that this was spent as well.
    pub(crate) async fn add(
        &self,
        connection: &mut PgConnection,
        agent: &str,
        price: Price,
    ) -> Result<(), sqlx::Error> {
        if price == Price::default() || planted(Bug::BudgetNotCounted) {
            return Ok(());
        }
        let (sum, number) = (self.price.and(price), |number| i64::try_from(number).unwrap_or(i64::MAX));
        let sql = "UPDATE brainops.saga_spent SET actions = $3, cost = $4 WHERE agent = $1 AND hour = $2";
        let query = sqlx::query(sql).bind(agent).bind(self.hour);
        query.bind(number(sum.actions)).bind(number(sum.cost)).execute(connection).await?;
        Ok(())
    }

    /// What is said about budgets that did not suffice: in the same words by whoever says it, and so once an hour.
    pub(crate) fn exhausted(
        &self,
        agent: &str,
        limits: &Limits,
        codes: &BTreeSet<&'static str>,
    ) -> Result<Vec<Outgoing>, Refusal> {
        let mut events = Vec::new();
        for (code, limit) in [(ACTIONS, limits.actions_per_hour), (COST, limits.cost_per_hour)] {
            let Some(limit) = limit.filter(|_| codes.contains(code)) else { continue };
            let source = source_of(agent)?;
            let id = derived_id(&source, &["budget", code, &self.hour.timestamp().to_string()]);
            let event_type = EventType::new(BudgetExhausted::EVENT_TYPE)?;
            // How much was spent when it is said is not: it would be other words each time.
            let data = BudgetExhausted {
                agent: agent.to_owned(),
                budget: code.to_owned(),
                limit: i64::try_from(limit).unwrap_or(i64::MAX),
                until: self.until,
            };
            let envelope = Envelope::new(id, source, event_type, Subject::new(agent)?);
            events.push(Outgoing::typed(envelope, &data)?);
        }
        Ok(events)
    }
}
