//! Which Kafka answers, and whether it is one that we know.

use anyhow::Context as _;
use brainops_log::{Cluster, ClusterIdentity, cluster_identity};

use crate::commands::doctor::finding::{Finding, Findings};

pub const NAME: &str = "kafka";
pub const ADVICE: &str =
    "see that kafka.bootstrap_servers, its login and its certificates are right and that brokers run";

/// The first level of `metadata.version` of a release, from 4.0 on, which is the oldest that we are made for.
const RELEASES: [(i16, &str); 4] = [(22, "4.0"), (26, "4.1"), (28, "4.2"), (30, "4.3 or later")];

pub async fn check(cluster: &Cluster) -> Findings {
    let ClusterIdentity { id, brokers, metadata_level } =
        cluster_identity(cluster).await.context("kafka does not answer")?;
    let id = id.unwrap_or_else(|| "without an id".to_owned());
    let answers = format!("cluster {id}, {} broker(s): {}", brokers.len(), brokers.join(", "));
    Ok(vec![match metadata_level {
        None => Finding::ok(NAME, format!("{answers}; its release is not told")),
        Some(level) => match RELEASES.iter().rev().find(|(first, _)| *first <= level) {
            Some((_, release)) => {
                Finding::ok(NAME, format!("{answers}; release {release} (metadata.version {level})"))
            }
            None => Finding::warning(
                NAME,
                format!("{answers}; release before 4.0 (metadata.version {level})"),
                "brainops is made for Kafka 4.0 and later: upgrade the brokers, then `kafka-features.sh upgrade`",
            ),
        },
    }])
}
