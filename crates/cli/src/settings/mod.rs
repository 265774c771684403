//! What `brainops` is told before it starts: a TOML file, over it variables `BRAINOPS_<SECTION>__<KEY>`.
//!
//! A key that nobody knows is refused wherever it stands, with its place and what is accepted: a misspelt one must
//! not turn into a default. Paths are meant from the file's folder, so that a file works from anywhere.

mod effective;
mod paths;
mod read;
mod variables;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use brainops_log::{KafkaConfig, LogConfig, RegistryConfig};
use brainops_outbox::OutboxConfig;
use brainops_projection::PostgresConfig;
use brainops_saga::{BudgetConfig, RetentionConfig};
use brainops_sensor::SensorsConfig;
use brainops_server::ServerConfig;
use brainops_tools::{FetchConfig, MailConfig, S3Endpoint, SandboxConfig, ToolsConfig};
use serde::{Deserialize, Serialize};

pub use effective::{EffectiveKey, effective};
pub use read::{Loaded, SettingsError, load};

/// Everything that can be configured, one section for each concern.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How to reach Kafka.
    pub kafka: KafkaConfig,
    /// How topics are named and made. Default: all of its defaults.
    pub log: LogConfig,
    /// How to reach the schema registry.
    pub registry: RegistryConfig,
    /// How to reach Postgres.
    pub postgres: PostgresConfig,
    /// How much may wait for the log, and how the relays share the work. Default: all of its defaults.
    #[serde(default)]
    pub outbox: OutboxConfig,
    /// Where and how the doors are open. Default: all of its defaults.
    #[serde(default)]
    pub server: ServerConfig,
    /// How history is folded. Default: all of its defaults.
    #[serde(default)]
    pub replay: ReplayConfig,
    /// What single agents may here, by their names. Default: what their code says.
    #[serde(default)]
    pub agents: BTreeMap<String, AgentConfig>,
    /// How sagas are kept. Default: all of its defaults.
    #[serde(default)]
    pub sagas: RetentionConfig,
    /// What the tools may touch, and who may call them. Default: all of its defaults.
    #[serde(default)]
    pub tools: ToolsSettings,
    /// Which services are deployed, and by whom. Default: none.
    #[serde(default)]
    pub deploy: DeploySettings,
    /// What is looked at. Default: all of its defaults.
    #[serde(default)]
    pub sensors: SensorsConfig,
    /// Where keys and tokens are kept.
    pub state: StateConfig,
}

/// What the tools may touch, and who may call them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolsSettings {
    /// The policy, a file in Cedar. Default: one in which people may look and nobody may change anything.
    pub policy: Option<PathBuf>,
    /// Folder of results that are too large for an event. Default: `objects` in the folder of the state.
    pub objects: Option<PathBuf>,
    /// Bucket of results that are too large for an event, instead of a folder. Default: none.
    pub s3: Option<S3Settings>,
    /// Folders that tools may work beneath, by the names that calls give them. Default: none.
    pub roots: BTreeMap<String, PathBuf>,
    /// Commands that run the tests of roots which are Git repositories, such as `main = ["make", "test"]`. Default: none.
    pub tests: BTreeMap<String, Vec<String>>,
    /// Secrets that tools may use, by the names that calls give them. Default: none.
    pub secrets: BTreeMap<String, SecretSettings>,
    /// Databases that `database.execute` may change, by the names that calls give them. Default: none.
    pub databases: BTreeMap<String, PostgresConfig>,
    /// How this process does calls. Default: all of its defaults.
    pub gate: ToolsConfig,
    /// What may be fetched over HTTP. Default: nothing.
    pub http: FetchConfig,
    /// How mail is sent. Default: none is.
    pub mail: Option<MailConfig>,
    /// How processes are held that tools run. Default: all of its defaults.
    pub sandbox: SandboxConfig,
}

/// A bucket that speaks S3, in which large results are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Settings {
    /// Its name. No default.
    pub bucket: String,
    /// What stands before the names of all objects there. Default: nothing.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Where it is. Default: `us-east-1`.
    #[serde(default = "default_s3_region")]
    pub region: String,
    /// Where the store is, over https, or over http on this machine. Default: Amazon's of the region.
    #[serde(default)]
    pub endpoint: Option<S3Endpoint>,
    /// The name of the key. No default.
    pub access_key_id: String,
    /// File of the key, for its owner's eyes only. No default.
    pub secret_key_file: PathBuf,
}

fn default_s3_region() -> String {
    "us-east-1".to_owned()
}

/// A secret that tools may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSettings {
    /// The file that holds it, for its owner's eyes only. No default.
    pub file: PathBuf,
    /// Hosts with their ports that it may be shown to, such as `api.example.com:443`. Default: none.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// Which services are deployed, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeploySettings {
    /// Services of this machine, run by `brainops host`. Default: none.
    pub host: Option<HostSettings>,
    /// Services of Render. Default: none.
    pub render: Option<RenderSettings>,
    /// Projects of Vercel. Default: none.
    pub vercel: Option<VercelSettings>,
}

/// Services of Render.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderSettings {
    /// File of the API key, for its owner's eyes only. No default.
    pub token_file: PathBuf,
    /// Where the API is. Default: Render's own.
    #[serde(default = "default_render_url")]
    pub url: String,
    /// Which services.
    #[serde(default)]
    pub service: Vec<HostedService>,
}

/// Projects of Vercel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VercelSettings {
    /// File of the token, for its owner's eyes only. No default.
    pub token_file: PathBuf,
    /// The team that the projects belong to. Default: none, they are the token's owner's.
    pub team: Option<String>,
    /// Where the API is. Default: Vercel's own.
    #[serde(default = "default_vercel_url")]
    pub url: String,
    /// Which projects.
    #[serde(default)]
    pub service: Vec<HostedService>,
}

/// A service at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostedService {
    /// Its name here.
    pub service: String,
    /// Where it runs, such as `production`.
    pub environment: String,
    /// What the provider calls it, such as `srv-…` or `prj_…`.
    pub id: String,
}

fn default_render_url() -> String {
    brainops_deploy::RENDER_URL.to_owned()
}

fn default_vercel_url() -> String {
    brainops_deploy::VERCEL_URL.to_owned()
}

/// Services of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSettings {
    /// Which services there are, a file in TOML with `[[service]]` for each. No default.
    pub manifest: PathBuf,
    /// Folder of their trees, logs and states. Default: `host` in the folder of the state.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// Where `brainops host` takes requests of the roles, on this machine alone. Default: `127.0.0.1:7421`.
    #[serde(default = "default_host_listen")]
    pub listen: SocketAddr,
}

fn default_host_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7421))
}

/// What one agent may here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// Its budget. Default: what its code says.
    #[serde(default)]
    pub budget: BudgetConfig,
}

/// How a process folds history: rebuilds, checks and past moments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayConfig {
    /// Folder where records are set aside by subject while a rebuild runs, on a disk that can hold what is rebuilt of
    /// the log; what is there may be lost at any time. Default: `scratch` in the folder of the state.
    #[serde(default)]
    pub scratch: Option<PathBuf>,
    /// How many partitions a process works on at a time, 1 to 64. Default: 2.
    #[serde(default = "default_partitions_at_once")]
    pub partitions_at_once: u16,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self { scratch: None, partitions_at_once: default_partitions_at_once() }
    }
}

const fn default_partitions_at_once() -> u16 {
    2
}

/// Where this installation keeps what must not be lost or seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateConfig {
    /// Folder of the keys, tokens and passwords; made with mode 0700 by `brainops init`. No default.
    pub folder: PathBuf,
}
