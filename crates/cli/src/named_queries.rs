//! The queries of the read models that tools may ask by name.

use brainops_tools::NamedQuery;

macro_rules! query {
    ($model:literal, $query:literal) => {
        NamedQuery {
            name: concat!($model, ".", $query),
            sql: include_str!(concat!("../../../projections/", $model, "/queries/", $query, ".sql")),
        }
    };
}

/// The latest events, by what they are.
pub const EVENTS_TAIL: &str = include_str!("../../../projections/events/queries/tail.sql");

/// What is remembered, the latest first.
pub const MEMORIES: &str = include_str!("../../../projections/operations/queries/memories.sql");

/// All of them, `<read model>.<query>`.
pub const ALL: &[NamedQuery] = &[
    query!("deployments", "commits_between"),
    query!("deployments", "deployments"),
    query!("deployments", "dora"),
    query!("deployments", "dora_weekly"),
    query!("deployments", "environments"),
    query!("deployments", "freshness"),
    query!("deployments", "new_commits"),
    query!("events", "event"),
    query!("events", "events_of_ids"),
    query!("events", "flow"),
    query!("events", "flow_with_its_root"),
    query!("events", "freshness"),
    query!("events", "ids_of_source"),
    query!("events", "known_ids"),
    query!("events", "positions_of_id"),
    query!("events", "repeat_count"),
    query!("events", "repeats"),
    query!("events", "tail"),
    query!("events", "types"),
    query!("leads", "freshness"),
    query!("leads", "funnel"),
    query!("leads", "funnel_by_channel"),
    query!("leads", "leads"),
    query!("leads", "stage_history"),
    query!("operations", "agents"),
    query!("operations", "alerts"),
    query!("operations", "freshness"),
    query!("operations", "healings"),
    query!("operations", "incident_cases"),
    query!("operations", "incident_timeline"),
    query!("operations", "incidents"),
    query!("operations", "memories"),
    query!("operations", "saga_waits"),
    query!("operations", "tool_calls"),
    query!("operations", "tool_costs"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::ALL;

    #[test]
    fn every_query_of_every_read_model_is_here() {
        let folder = Path::new("../../projections");
        let mut found = BTreeSet::new();
        for model in fs::read_dir(folder).unwrap() {
            let model = model.unwrap();
            for query in fs::read_dir(model.path().join("queries")).unwrap() {
                let query = query.unwrap().path();
                let name = query.file_stem().unwrap().to_str().unwrap().to_owned();
                found.insert(format!("{}.{name}", model.file_name().to_str().unwrap()));
            }
        }
        let known: BTreeSet<String> = ALL.iter().map(|query| query.name.to_owned()).collect();
        assert_eq!(known, found);
    }
}
