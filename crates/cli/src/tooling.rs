//! The tools of this program, as this installation has them, and its policy.

use std::sync::Arc;

use anyhow::Context as _;
use brainops_deploy::Fleet;
use brainops_projection::PostgresConfig;
use brainops_tools::{
    ApplyPatch, Databases, DeployLogs, DeployRollback, DeployStart, DeployStatus, ExecuteStatement,
    ExplainQuery, GitBranch, GitCommit, GitDiff, GitLog, GitMerge, GitRevert, GitShow, HttpFetch, ListFiles,
    MailSend, Objects, Policy, ProcessRun, QueryDatabase, QueryProjection, ReadFile, Reader, RecordMemory,
    Repositories, Roots, S3Config, Sandbox, SearchEvents, SearchFiles, SearchMemory, Secrets, SystemLookup,
    TestsRun, Toolbox, ToolboxError, WriteFile,
};

use sqlx::postgres::PgPoolOptions;

use crate::context::Context;
use crate::secrets::read_secret;
use crate::settings::{S3Settings, SecretSettings};
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
    let (reader, databases, fleet) = (reader(context)?, databases(context)?, fleet::fleet(context)?);
    let mail = mail(context)?;
    Ok(with(Hands { roots, repositories, process, tests, fetch, mail, reader, databases, fleet })?)
}

/// What tools work with.
struct Hands {
    roots: Roots,
    repositories: Repositories,
    process: ProcessRun,
    tests: TestsRun,
    fetch: HttpFetch,
    mail: MailSend,
    reader: Reader,
    databases: Databases,
    fleet: Fleet,
}

fn with(hands: Hands) -> Result<Toolbox, ToolboxError> {
    let Hands { roots, repositories, process, tests, fetch, mail, reader, databases, fleet } = hands;
    let tools = Toolbox::default().with(ReadFile(roots.clone()))?.with(ListFiles(roots.clone()))?;
    let tools = tools.with(SearchFiles(roots.clone()))?.with(WriteFile(roots.clone()))?;
    let tools = tools.with(ApplyPatch(roots))?;
    let tools = tools.with(process)?.with(tests)?.with(fetch)?.with(mail)?;
    let tools = tools.with(GitLog(repositories.clone()))?.with(GitShow(repositories.clone()))?;
    let tools = tools.with(GitDiff(repositories.clone()))?.with(GitBranch(repositories.clone()))?;
    let tools = tools.with(GitCommit(repositories.clone()))?.with(GitRevert(repositories.clone()))?;
    let tools = tools.with(GitMerge(repositories))?;
    let tools = tools.with(DeployStatus(fleet.clone()))?.with(DeployLogs(fleet.clone()))?;
    let tools = tools.with(DeployStart(fleet.clone()))?.with(DeployRollback(fleet))?;
    let tools = tools.with(QueryDatabase(reader.clone()))?.with(ExplainQuery(reader.clone()))?;
    let tools = tools.with(SearchEvents::new(reader.clone(), named_queries::EVENTS_TAIL))?;
    let tools = tools.with(RecordMemory)?.with(SearchMemory::new(reader.clone(), named_queries::MEMORIES))?;
    let tools = tools.with(QueryProjection::new(reader, named_queries::ALL))?;
    tools.with(ExecuteStatement(databases))
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

/// Databases that may be changed. Connections are made when they are needed.
fn databases(context: &Context) -> anyhow::Result<Databases> {
    let lazily = |(name, config): (&String, &PostgresConfig)| {
        let pool = config.lazy_pool().with_context(|| format!("tools.databases.{name}"))?;
        Ok((name.clone(), pool))
    };
    let pools = context.settings().tools.databases.iter().map(lazily).collect::<anyhow::Result<_>>()?;
    Ok(Databases::new(pools))
}

/// What sends mail, where there is a section for it: only then are the keys opened.
fn mail(context: &Context) -> anyhow::Result<MailSend> {
    let Some(config) = &context.settings().tools.mail else { return Ok(MailSend::default()) };
    let password = config.password_file.as_deref().map(read_secret).transpose();
    let password = password.context("tools.mail.password_file")?;
    Ok(MailSend::new(config.clone(), password, context.keys()?)?)
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
    if let Some(s3) = &settings.tools.s3 {
        return bucket(s3);
    }
    let folder = settings.tools.objects.clone().unwrap_or_else(|| settings.state.folder.join("objects"));
    Objects::folder(&folder).context("tools.objects")
}

fn bucket(settings: &S3Settings) -> anyhow::Result<Objects> {
    let S3Settings { bucket, prefix, region, endpoint, access_key_id, secret_key_file } = settings.clone();
    let secret_key = read_secret(&secret_key_file).context("tools.s3.secret_key_file")?.into();
    let config = S3Config { bucket, prefix, region, endpoint, access_key_id, secret_key };
    Objects::s3(&config).context("tools.s3")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use brainops_tools::{
        FetchConfig, HttpFetch, Policy, ProcessRun, Repositories, Roots, Sandbox, SandboxConfig,
        SystemLookup, TestsRun,
    };

    use sqlx::postgres::PgPoolOptions;

    use crate::settings::S3Settings;

    use super::{BUILT_IN, Databases, Fleet, Hands, MailSend, Reader, bucket, with};

    #[tokio::test]
    async fn the_tools_have_names_and_the_policy_that_is_built_in_fits_them() {
        let repositories = Repositories::default();
        let process = ProcessRun::new(repositories.clone(), Sandbox::new(SandboxConfig::default()));
        let tests = TestsRun::new(process.clone(), BTreeMap::new());
        let pool = PgPoolOptions::new().connect_lazy("postgres://nobody@127.0.0.1:1/nothing").unwrap();
        let fetch = HttpFetch::new(FetchConfig::default(), SystemLookup);
        let (roots, databases, fleet) = (Roots::default(), Databases::default(), Fleet::default());
        let (reader, mail) = (Reader::new(pool), MailSend::default());
        let hands = Hands { roots, repositories, process, tests, fetch, mail, reader, databases, fleet };
        assert!(!Policy::read(BUILT_IN, &with(hands).unwrap()).unwrap().is_empty());
    }
    #[test]
    fn a_bucket_needs_a_key_that_is_there_and_closed_to_others() {
        rustls::crypto::ring::default_provider().install_default().ok(); // another test may have
        let folder = tempfile::tempdir().unwrap();
        let settings = S3Settings {
            bucket: "results".to_owned(),
            prefix: None,
            region: "us-east-1".to_owned(),
            endpoint: None,
            access_key_id: "tester".to_owned(),
            secret_key_file: folder.path().join("s3"),
        };
        let refused = || format!("{:#}", bucket(&settings).unwrap_err());
        assert!(refused().contains("tools.s3.secret_key_file: the secret"), "{}", refused());
        assert!(refused().contains("cannot be read"), "{}", refused());
        fs::write(&settings.secret_key_file, "not-to-be-told").unwrap();
        fs::set_permissions(&settings.secret_key_file, Permissions::from_mode(0o640)).unwrap();
        assert!(refused().contains("has mode 640, accepted is 600"), "{}", refused());
        fs::set_permissions(&settings.secret_key_file, Permissions::from_mode(0o600)).unwrap();
        let shown = format!("{:?} {settings:?}", bucket(&settings).unwrap());
        assert!(!shown.contains("not-to-be-told"), "{shown}");
    }
}
