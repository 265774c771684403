//! How long partitions stand still while members of a group come, leave and are killed, with either group protocol.
//!
//! `cargo bench -p brainops-log --bench rebalance` against the stack that `BRAINOPS_CONFIG` names. Members are
//! processes of their own (this program, started again), so that one can be killed. Events are appended to every
//! partition all the time; each member says when a batch of which partition came.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a measuring program")]
#[path = "../../tests/common/mod.rs"]
mod common;
mod member;
mod watch;

use std::time::Duration;

use brainops_event::TopicName;
use common::{Namespace, tag};
use watch::Members;

const PARTITIONS: u16 = 8;
const KEYS: usize = 64;
const EVERY: Duration = Duration::from_millis(10);

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    if std::env::var_os(member::PREFIX).is_some() {
        return runtime.block_on(member::run());
    }
    runtime.block_on(async {
        for protocol in ["classic", "consumer"] {
            Namespace::run("rebalance", PARTITIONS, |space| measure(space, protocol)).await;
        }
    });
}

async fn measure(space: Namespace, protocol: &'static str) {
    let appending = tokio::spawn(append(space.clone()));
    let mut members = Members::new(space.cluster.log_config().prefix.clone(), protocol);
    let one = members.start();
    members.timeline.settled(&[one]).await;
    println!("{protocol}: milliseconds");
    let two = members.start();
    members.timeline.report("a second member joins", &[one, two]).await;
    members.leave(two).await;
    members.timeline.report("it leaves", &[one]).await;
    let three = members.start();
    members.timeline.report("another joins", &[one, three]).await;
    members.kill(three).await;
    members.timeline.report("it is killed", &[one]).await;
    members.leave(one).await;
    appending.abort();
}

async fn append(space: Namespace) {
    let appender = space.appender();
    let mut number = 0u64;
    loop {
        let events = (0..KEYS).map(|key| {
            number += 1;
            tag(&format!("s{key}"), &number.to_string())
        });
        for answer in appender.append_all(events.collect()).await {
            answer.expect("acknowledged");
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn topic(space: &brainops_log::Cluster) -> TopicName {
    space.topic("git").expect("a good name")
}
