//! What must hold of the counting agent, whatever happened: looked at in the log and in Postgres.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use brainops_testkit::Stood;

use super::scene::Scene;
use super::tally::Counted;

/// Whether what was counted of each correlation was counted once each, decided on once each, in one order that
/// `saga.reacted`, the state and the decisions on the log agree about.
pub async fn check(scene: &Scene, correlations: &BTreeMap<String, usize>) -> Result<(), String> {
    let inputs = scene.said("agent", "agent.task.count").await;
    let decided = scene.said("agent", "agent.command.counted").await;
    let reacted = scene.said("saga", "saga.reacted").await;
    for (correlation, count) in correlations {
        let of = |stood: &&Stood| {
            serde_json::from_value::<Counted>(stood.data.clone()).is_ok_and(|one| one.of == *correlation)
        };
        let inputs: Vec<&Stood> = inputs.iter().filter(of).collect();
        let subject = format!("tally/{correlation}");
        let about = |all: &[Stood]| -> Vec<Stood> {
            all.iter().filter(|stood| stood.subject == subject).cloned().collect()
        };
        let (state, status) = scene.saga(correlation).await.ok_or(format!("{correlation} is not there"))?;
        if status == "parked" {
            return Err(format!("{correlation} is parked"));
        }
        let seen = numbers(&state["seen"]);
        let order = order_of(correlation, &inputs, &about(&reacted))?;
        expect(correlation, "inputs that were taken", &order, &seen)?;
        expect(correlation, "distinct inputs", &seen.iter().collect::<BTreeSet<_>>().len(), count)?;
        expect(correlation, "inputs", &seen.len(), count)?;
        let decided = about(&decided);
        let told: Vec<i64> = decided.iter().filter_map(|stood| stood.data["number"].as_i64()).collect();
        expect(correlation, "decisions on the log, in order", &told, &seen)?;
        let places: Vec<i64> = decided.iter().filter_map(|stood| stood.data["place"].as_i64()).collect();
        let expected: Vec<i64> = (1..).take(seen.len()).collect();
        expect(correlation, "places of decisions", &places, &expected)?;
    }
    Ok(())
}

/// The numbers in the order in which `saga.reacted` says that they were taken.
fn order_of(correlation: &str, inputs: &[&Stood], reacted: &[Stood]) -> Result<Vec<i64>, String> {
    let mut order = Vec::new();
    for (place, stood) in reacted.iter().enumerate() {
        let revision = stood.data["revision"].as_i64();
        expect(correlation, "revisions", &revision, &i64::try_from(place + 1).ok())?;
        for position in stood.data["consumed"].as_array().into_iter().flatten() {
            let position = position.as_str().unwrap_or_default();
            let input = inputs.iter().find(|input| input.position.to_string() == position);
            let input = input.ok_or(format!("{correlation}: no input at {position}"))?;
            order.extend(input.data["number"].as_i64());
        }
    }
    Ok(order)
}

fn numbers(list: &Value) -> Vec<i64> {
    list.as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

fn expect<T: PartialEq + std::fmt::Debug>(
    correlation: &str,
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{correlation}: {what}: found {found:?}, expected {expected:?}"))
}
