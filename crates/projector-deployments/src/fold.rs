//! The fold of `deployment.*`: a fact changes the deployment's row, then its environment's.

use brainops_event::Recorded;
use brainops_projection::{Changed, FoldError};

use crate::body;
use crate::deployment::DeploymentRow;
use crate::environment::EnvironmentRow;
use crate::fact::{Fact, Status};
use crate::model::DeploymentTables;
use crate::subject::require_subject;

/// Names both rows of a fact.
pub(crate) fn want(event: &Recorded<'_>, tables: &mut DeploymentTables) -> Result<(), FoldError> {
    let Ok(names) = event.decode::<body::DeploymentNames>() else { return Ok(()) }; // the fold refuses it in its turn
    tables.environment.want((names.service.clone(), names.environment.clone()))?;
    tables.deployment.want((names.service, names.environment, names.deployment_id))
}

/// Folds a fact of this status.
pub(crate) fn fold(
    event: &Recorded<'_>,
    status: Status,
    tables: &mut DeploymentTables,
) -> Result<(), FoldError> {
    let body: body::Deployment = event.decode()?;
    require_subject(event, &[&body.service, "/", &body.environment])?;
    let fact = Fact { status, at: event.happened_at() };

    let (service, environment) = (body.service.clone(), body.environment.clone());
    let known_environment = tables.environment.get(&(service.clone(), environment.clone()))?.cloned();
    let known = tables.deployment.get(&(service, environment, body.deployment_id.clone()))?.cloned();

    let served = known_environment.as_ref().and_then(|row| row.served_before(&body.deployment_id, fact));
    let deployment = DeploymentRow::after(known, &body, fact, served, Changed::by(event));
    let environment = EnvironmentRow::after(known_environment, &body, fact, &deployment);
    tables.deployment.put(deployment)?;
    tables.environment.put(environment)
}
