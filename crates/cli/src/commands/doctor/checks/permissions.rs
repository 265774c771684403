//! Whether Kafka lets each principal do what it must, and nothing more.

use std::collections::BTreeSet;

use anyhow::Context as _;
use brainops_event::{Catalog, TopicName, error_chain};
use brainops_log::{
    Cluster, ClusterError, Operation, Principal, TopicPermissions, existing_topics, has_logins,
    may_use_transactions, topic_permissions,
};

use crate::commands::doctor::finding::{Finding, Findings};

pub const NAME: &str = "permissions";
const ACLS: &str = "kafka-acls.sh";

pub async fn check(cluster: &Cluster) -> Findings {
    if !has_logins(cluster) {
        return Ok(vec![Finding::warning(
            NAME,
            "kafka asks nobody for a login: who reaches it may append, read and delete",
            "for more than a trial: kafka.security_protocol = \"SASL_SSL\" and an authorizer at the brokers",
        )]);
    }
    let name = |topic: &&str| cluster.topic(topic).ok();
    let topics: Vec<TopicName> = Catalog::builtin().topics().iter().filter_map(name).collect();
    // One that does not exist is found elsewhere; Kafka does not say what one may do with it.
    let existing = existing_topics(cluster, &topics).await.context("topics cannot be listed")?;
    let topics: Vec<TopicName> = topics.into_iter().filter(|topic| existing.contains_key(topic)).collect();
    if topics.is_empty() {
        return Ok(vec![Finding::unknown(NAME, "there is no topic to ask about", "brainops init")]);
    }
    let (appender, reader, transactions) = tokio::join!(
        topic_permissions(cluster, Principal::Appender, &topics),
        topic_permissions(cluster, Principal::Reader, &topics),
        may_use_transactions(cluster, Principal::Appender),
    );
    let appender = appender.context("what kafka.appender may do is not told")?;
    let reader = reader.context("what kafka.reader may do is not told")?;
    let mut findings = of_principal("kafka.appender", &appender, &[Operation::Write]);
    findings.extend(of_principal("kafka.reader", &reader, &[Operation::Read]));
    findings.extend(of_transactions(transactions));
    if findings.is_empty() {
        findings.push(Finding::ok(
            NAME,
            "kafka.appender may append, kafka.reader may read; neither may delete or alter, transactions are refused",
        ));
    }
    Ok(findings)
}

/// Transactions must be refused.
fn of_transactions(allowed: Result<bool, ClusterError>) -> Option<Finding> {
    match allowed {
        Ok(false) => None,
        Ok(true) => Some(Finding::warning(
            NAME,
            "kafka.appender may use transactions: their markers make offsets of our topics less than dense",
            format!("{ACLS} --remove --transactional-id '*' for the principal of kafka.appender"),
        )),
        Err(error) => {
            let found = format!("whether transactions are refused is not known: {}", error_chain(&error));
            Some(Finding::unknown(NAME, found, "run `brainops doctor` again"))
        }
    }
}

/// What a principal lacks, and has too much, over all topics.
fn of_principal(principal: &str, topics: &[TopicPermissions], needed: &[Operation]) -> Vec<Finding> {
    const TOO_MUCH: [Operation; 3] = [Operation::Delete, Operation::Alter, Operation::AlterConfigs];
    let has = |topic: &TopicPermissions, operation: &Operation| {
        topic.operations.as_ref().is_some_and(|allowed| allowed.contains(operation))
    };
    let mut findings = Vec::new();
    for operation in needed {
        let lacking: Vec<&TopicPermissions> = topics.iter().filter(|topic| !has(topic, operation)).collect();
        if let Some(first) = lacking.first() {
            let (name, topic) = (operation.name(), &first.topic);
            let found = format!("{principal} lacks {name} on {}", and_more(topic, lacking.len()));
            let advice =
                format!("{ACLS} --add --operation {name} --topic {topic} for the principal of {principal}");
            findings.push(Finding::error(NAME, found, advice));
        }
    }
    let other = if needed.contains(&Operation::Write) { None } else { Some(Operation::Write) };
    let excess: BTreeSet<Operation> = TOO_MUCH
        .into_iter()
        .chain(other)
        .filter(|operation| topics.iter().any(|topic| has(topic, operation)))
        .collect();
    if !excess.is_empty() {
        let names: Vec<&str> = excess.iter().map(|operation| operation.name()).collect();
        findings.push(Finding::warning(
            NAME,
            format!("{principal} may do more than it needs: {}", names.join(", ")),
            format!("{ACLS} --remove these operations on our topics from the principal of {principal}"),
        ));
    }
    findings
}

fn and_more(first: &TopicName, count: usize) -> String {
    match count {
        1 => first.to_string(),
        _ => format!("{first} and {} more", count - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Level;

    #[test]
    fn what_is_lacking_is_an_error_and_what_is_too_much_a_warning() {
        let topic = |name: &str, operations: &[Operation]| TopicPermissions {
            topic: TopicName::new(name).unwrap(),
            operations: Some(operations.iter().copied().collect()),
        };
        use Operation::{Delete, Describe, Read, Write};
        let good = [topic("brainops.a", &[Read, Describe]), topic("brainops.b", &[Read])];
        assert_eq!(of_principal("kafka.reader", &good, &[Read]), []);
        let bad = [topic("brainops.a", &[Describe]), topic("brainops.b", &[Read, Write, Delete])];
        let [lacks, excess] = &of_principal("kafka.reader", &bad, &[Read])[..] else { panic!("two") };
        assert_eq!((lacks.level, excess.level), (Level::Error, Level::Warning));
        assert_eq!(lacks.found, "kafka.reader lacks Read on brainops.a");
        assert_eq!(excess.found, "kafka.reader may do more than it needs: Write, Delete");
        let unseen = [TopicPermissions { topic: TopicName::new("brainops.a").unwrap(), operations: None }];
        assert_eq!(of_principal("kafka.appender", &unseen, &[Write])[0].level, Level::Error);
    }
}
