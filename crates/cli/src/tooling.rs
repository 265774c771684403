//! The tools of this program, as this installation has them, and its policy.

use std::sync::Arc;

use anyhow::Context as _;
use brainops_deploy::Fleet;
use brainops_projection::PostgresConfig;
use brainops_tools::{
    ApplyPatch, DeployLogs, DeployRollback, DeployStart, DeployStatus, ExplainQuery, GitBranch, GitCommit,
    GitDiff, GitLog, GitMerge, GitRevert, GitShow, HttpFetch, ListFiles, Objects, Policy, ProcessRun,
    QueryDatabase, QueryProjection, ReadFile, Reader, Repositories, Roots, Sandbox, SearchEvents,
    SearchFiles, Secrets, SystemLookup, TestsRun, Toolbox, ToolboxError, WriteFile,
};

use sqlx::postgres::PgPoolOptions;

use crate::context::Context;
use crate::secrets::read_secret;
use crate::settings::SecretSettings;
use crate::{analyst, fleet, named_queries};

/// How many queries of tools run at once.
const READERS: u32 = 4;

/// The policy where none is named.
const BUILT_IN: &str = include_str!("../../../deploy/policy/policy.cedar");

/// All tools.
pub fn toolbox(context: &Context) -> anyhow::Result<Toolbox> {
    let tools = &context.settings().tools;
    let roots = Roots::open(&tools.roots).context("tools.roots")?;
    let repositories = Repositories::new(tools.roots.clone());
    let process = ProcessRun::new(repositories.clone(), Sandbox::new(tools.sandbox.clone()));
    let tests = TestsRun::new(process.clone(), tools.tests.clone());
    let fetch = HttpFetch::new(tools.http.clone(), SystemLookup);
    let fleet = fleet::fleet(context)?;
    let with_us = with(&roots, &repositories, (process, tests, fetch), (&reader(context)?, &fleet));
    Ok(with_us?)
}

fn with(
    roots: &Roots,
    repositories: &Repositories,
    (process, tests, fetch): (ProcessRun, TestsRun, HttpFetch),
    (reader, fleet): (&Reader, &Fleet),
) -> Result<Toolbox, ToolboxError> {
    let tools = Toolbox::default().with(ReadFile(roots.clone()))?.with(ListFiles(roots.clone()))?;
    let tools = tools.with(SearchFiles(roots.clone()))?.with(WriteFile(roots.clone()))?;
    let tools = tools.with(ApplyPatch(roots.clone()))?;
    let tools = tools.with(process)?.with(tests)?.with(fetch)?;
    let tools = tools.with(GitLog(repositories.clone()))?.with(GitShow(repositories.clone()))?;
    let tools = tools.with(GitDiff(repositories.clone()))?.with(GitBranch(repositories.clone()))?;
    let tools = tools.with(GitCommit(repositories.clone()))?.with(GitRevert(repositories.clone()))?;
    let tools = tools.with(GitMerge(repositories.clone()))?;
    let tools = tools.with(DeployStatus(fleet.clone()))?.with(DeployLogs(fleet.clone()))?;
    let tools = tools.with(DeployStart(fleet.clone()))?.with(DeployRollback(fleet.clone()))?;
    let tools = tools.with(QueryDatabase(reader.clone()))?.with(ExplainQuery(reader.clone()))?;
    let tools = tools.with(SearchEvents::new(reader.clone(), named_queries::EVENTS_TAIL))?;
    tools.with(QueryProjection::new(reader.clone(), named_queries::ALL))
}

/// Connections of the analysts' login, which sees the views of the read models and nothing else. Made when they are needed.
fn reader(context: &Context) -> anyhow::Result<Reader> {
    let platform = &context.settings().postgres;
    let analyst = PostgresConfig {
        username: analyst::role_name(&platform.database)?,
        password_file: Some(context.state().analyst_password()),
        ..platform.clone()
    };
    let options = analyst.options().context("the login of analysts, which `brainops init` makes")?;
    let pool = PgPoolOptions::new().max_connections(READERS).connect_lazy_with(options);
    Ok(Reader::new(pool))
}

/// The text of the policy that is in force, and where it is from.
pub fn policy_text(context: &Context) -> anyhow::Result<(String, String)> {
    match &context.settings().tools.policy {
        None => Ok((BUILT_IN.to_owned(), "built in".to_owned())),
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("tools.policy: {name} cannot be read"))?;
            Ok((text, name))
        }
    }
}

/// The policy that is in force.
pub fn policy(context: &Context, tools: &Toolbox) -> anyhow::Result<Arc<Policy>> {
    let (text, from) = policy_text(context)?;
    Ok(Arc::new(Policy::read(&text, tools).with_context(|| format!("the policy {from}"))?))
}

/// What acts may use and nothing may tell.
pub fn secrets(context: &Context) -> anyhow::Result<Secrets> {
    let mut all = Vec::new();
    for (name, SecretSettings { file, hosts }) in &context.settings().tools.secrets {
        let value = read_secret(file).with_context(|| format!("tools.secrets.{name}"))?;
        all.push((name.clone(), value, hosts.clone()));
    }
    Ok(Secrets::new(all)?)
}

/// Where large results go.
pub fn objects(context: &Context) -> anyhow::Result<Objects> {
    let settings = context.settings();
    let folder = settings.tools.objects.clone().unwrap_or_else(|| settings.state.folder.join("objects"));
    Objects::folder(&folder).context("tools.objects")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use brainops_tools::{
        FetchConfig, HttpFetch, Policy, ProcessRun, Repositories, Roots, Sandbox, SandboxConfig,
        SystemLookup, TestsRun,
    };

    use sqlx::postgres::PgPoolOptions;

    use super::{BUILT_IN, Fleet, Reader, with};

    #[tokio::test]
    async fn the_tools_have_names_and_the_policy_that_is_built_in_fits_them() {
        let process = ProcessRun::new(Repositories::default(), Sandbox::new(SandboxConfig::default()));
        let tests = TestsRun::new(process.clone(), BTreeMap::new());
        let pool = PgPoolOptions::new().connect_lazy("postgres://nobody@127.0.0.1:1/nothing").unwrap();
        let fetch = HttpFetch::new(FetchConfig::default(), SystemLookup);
        let reading = (&Reader::new(pool), &Fleet::default());
        let tools =
            with(&Roots::default(), &Repositories::default(), (process, tests, fetch), reading).unwrap();
        assert!(!Policy::read(BUILT_IN, &tools).unwrap().is_empty());
    }
}
