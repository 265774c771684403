//! The role `sensors`: what the world says about deployed services becomes events.

use anyhow::Context as _;
use brainops_sensor::{AccessLogConfig, SensorStage, run};
use tokio::task::JoinSet;

use super::{Ground, Role};
use crate::context::Context;
use crate::fleet;

/// Begins to look. What the proxy of the local host notes is followed without being named.
pub fn start_sensors(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    context: &Context,
    ground: &Ground,
) -> anyhow::Result<()> {
    let mut config = context.settings().sensors.clone();
    config.check()?;
    for (key, path) in fleet::access_logs(context)? {
        let (service, environment) = (key.service, key.environment);
        let is_named = config.access_log.iter().any(|one| one.path == path);
        if !is_named {
            config.access_log.push(AccessLogConfig { service, environment, path, rule: None });
        }
    }
    let stage = SensorStage { outbox: ground.outbox.clone(), fleet: fleet::fleet(context)? };
    let looking = run(stage, config, ground.stop.clone());
    tasks.spawn(async move {
        looking
            .await
            .with_context(|| format!("role {}: a sensor sees nothing any more", Role::Sensors.name()))
    });
    Ok(())
}
