//! `brainops import git`

use std::path::PathBuf;

use anyhow::Context as _;
use brainops_event::Source;
use brainops_import::git::{DeploymentsFromTags, Repository, TagPattern};
use brainops_keys::FileKeyStore;
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::appending::Patience;
use crate::importing::{Importable, Sink};

/// Imports the commits, tags and branches of a git repository.
///
/// Authors' names, addresses and messages are sealed, each under its author's key. Importing again appends what is new and
/// nothing twice, also after an import that was interrupted. `brainops serve` may run meanwhile and need not.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  brainops import git .\n  brainops import git ../shop --deployments-from tags \
                        --tag-pattern 'v*' --service shop\n\nEach branch is told as it stands. Files are counted against the first \
                        parent, a rename as one gone and one come."
)]
pub struct Arguments {
    /// A folder of the repository.
    path: PathBuf,

    /// What tells of deployments; without it none are told.
    #[arg(long, value_enum)]
    deployments_from: Option<DeploymentsFrom>,

    /// Which tags are releases: `*` stands for any text, `?` for one character.
    #[arg(long, value_name = "PATTERN", default_value = "*", requires = "deployments_from")]
    tag_pattern: String,

    /// The service that releases deploy; by default the repository's name.
    #[arg(long, value_name = "NAME", requires = "deployments_from")]
    service: Option<String>,

    /// The environment that releases are deployed to.
    #[arg(long, value_name = "NAME", default_value = "production", requires = "deployments_from")]
    environment: String,

    #[command(flatten)]
    patience: Patience,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DeploymentsFrom {
    /// Each release tag is a deployment that succeeded.
    Tags,
}

/// A repository that is about to be imported.
pub struct GitHistory {
    repository: Repository,
    deployments: Option<DeploymentsFromTags>,
}

pub fn open(arguments: Arguments) -> anyhow::Result<(Patience, GitHistory)> {
    let Arguments { path, deployments_from, tag_pattern, service, environment, patience } = arguments;
    let repository = Repository::open(&path).context("the repository cannot be imported")?;
    let deployments = deployments_from.map(|DeploymentsFrom::Tags| DeploymentsFromTags {
        pattern: TagPattern::new(&tag_pattern),
        service,
        environment,
    });
    Ok((patience, GitHistory { repository, deployments }))
}

impl Importable for GitHistory {
    fn source(&self) -> &Source {
        self.repository.source()
    }

    fn read(self: Box<Self>, keys: &FileKeyStore, sink: &mut Sink) -> anyhow::Result<Value> {
        let mut events = self.repository.events(self.deployments.as_ref(), keys)?;
        sink.expect(events.total())?;
        for event in events.by_ref() {
            sink.take(event?)?;
        }
        Ok(serde_json::to_value(events.report())?)
    }
}
