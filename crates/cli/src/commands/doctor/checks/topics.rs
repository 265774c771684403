//! Whether every topic of the catalog is as the wire contract says.

use anyhow::Context as _;
use brainops_event::Catalog;
use brainops_log::{Cluster, Mismatch, TopicComparison, compare_topics};

use crate::commands::doctor::finding::{Finding, Findings};

pub const NAME: &str = "topics";

pub async fn check(cluster: &Cluster) -> Findings {
    let compared = compare_topics(cluster, Catalog::builtin()).await.context("topics cannot be compared")?;
    let (count, prefix) = (compared.len(), &cluster.log_config().prefix);
    let mut findings = Vec::new();
    for TopicComparison { topic, exists, mismatches } in &compared {
        if !exists {
            let found = format!("{topic} does not exist, or kafka.reader may not see it");
            findings.push(Finding::error(NAME, found, "brainops init"));
        }
        findings.extend(mismatches.iter().map(differs));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(NAME, format!("{count} topics {prefix}.* are as they should be")));
    }
    Ok(findings)
}

fn differs(mismatch: &Mismatch) -> Finding {
    let Mismatch { topic, setting, wanted, found } = mismatch;
    let told = mismatch.to_string();
    match *setting {
        "partitions" => Finding::error(
            NAME,
            told,
            format!(
                "keys lie where they lay when the topic was made: set log.partitions to {found} if it was made so, and \
                 never add partitions"
            ),
        ),
        "replication" => Finding::warning(
            NAME,
            told,
            format!(
                "set log.replication to {found} if that is meant; else kafka-reassign-partitions.sh gives {topic} {wanted} \
                 copies"
            ),
        ),
        "replicas in sync" => {
            Finding::warning(NAME, told, "see that all brokers run; copies come into step by themselves")
        }
        _ => Finding::error(
            NAME,
            told,
            format!(
                "kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config {setting}={wanted}"
            ),
        ),
    }
}
