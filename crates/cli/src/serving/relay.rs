//! The role `relay`: sends what is in the outbox to the log.

use std::time::Duration;

use anyhow::Context as _;
use brainops_outbox::Relay;
use tokio::task::JoinSet;

use super::{Ground, Role, Stop};
use crate::host::instance_name;

/// How much longer than the rest the relay goes on, so that requests in flight still get their answers; with the seven
/// seconds that it may need itself, the service ends within ten.
const LONGER: Duration = Duration::from_secs(2);

/// Starts to send.
pub fn start_relay(tasks: &mut JoinSet<anyhow::Result<()>>, ground: &Ground) {
    let relay = Relay::new(&ground.outbox, instance_name());
    let (stop, last) = (ground.stop.clone(), Stop::new());
    let until = last.clone();
    tasks.spawn(async move {
        let running = relay.run(until);
        let stopping = async {
            stop.cancelled().await;
            tokio::time::sleep(LONGER).await;
            last.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = running => ended.with_context(|| format!("role {}: nothing is sent any more", Role::Relay.name())),
            () = stopping => Ok(()),
        }
    });
}
