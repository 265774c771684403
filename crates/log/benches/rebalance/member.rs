//! One member: begins at the end of what it gets, and prints a line for each partition of each batch.
use std::io::{Read as _, Write as _};

use brainops_log::{Cluster, Follower, FollowerConfig, GroupProtocol, LogConfig, Registry, Signal};

use crate::common::StackConfig;
use crate::topic;

pub const PREFIX: &str = "REBALANCE_PREFIX";
pub const PROTOCOL: &str = "REBALANCE_PROTOCOL";

pub async fn run() {
    let prefix = std::env::var(PREFIX).expect("set by who started this");
    let protocol = match std::env::var(PROTOCOL).as_deref() {
        Ok("consumer") => GroupProtocol::Consumer,
        _ => GroupProtocol::Classic,
    };
    let stack = StackConfig::load();
    let log = LogConfig { prefix, partitions: crate::PARTITIONS, ..stack.log };
    let cluster = Cluster::new(stack.kafka, log).expect("the configuration holds");
    let registry = Registry::new(stack.registry).expect("the configuration holds");
    let config = FollowerConfig { protocol, ..FollowerConfig::new("rebalance", vec![topic(&cluster)]) };
    let mut follower = Follower::start(&cluster, &registry, config).await.expect("started");
    let (leave, mut left) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        std::io::stdin().read_to_end(&mut Vec::new()).ok(); // closed by who started this
        leave.send(()).ok()
    });
    loop {
        let signal = tokio::select! {
            signal = follower.next() => signal,
            _ = &mut left => break,
        };
        match signal {
            Signal::Assigned(assignment) => {
                let partitions = assignment.partitions().iter();
                let starts = partitions.map(|one| (one.topic.clone(), one.partition, one.end)).collect();
                assignment.start(starts);
            }
            Signal::Batch(batch) => {
                let mut out = std::io::stdout().lock();
                for span in batch.spans() {
                    writeln!(out, "{}", span.partition).expect("somebody listens");
                }
                out.flush().expect("somebody listens");
            }
            Signal::Failed(error) => panic!("{error}"),
            Signal::Idle(_) | Signal::Revoked(_) => {}
        }
    }
    follower.stop().await;
}
