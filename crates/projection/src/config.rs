//! How to reach Postgres. Read once, checked at the edge, passed by value; unknown keys are refused.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{Connection as _, PgPool};
use thiserror::Error;

/// How long a caller waits for a connection.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(10);

/// A connection that was idle for longer is asked whether it lives before somebody gets it. One that was just used is not: the
/// question is a way to Postgres and back in front of every statement.
const ASKED_AFTER: Duration = Duration::from_secs(1);

/// Settings of every session. A transaction whose client has gone must not hold its locks for ever.
const SESSION_SETTINGS: [(&str, &str); 3] = [
    ("idle_in_transaction_session_timeout", "60s"),
    ("tcp_user_timeout", "30s"),
    ("client_connection_check_interval", "5s"),
];

/// How to reach a database, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// Name or address of the server. No default.
    pub host: String,
    /// Its port, 1 to 65535. Default: 5432.
    #[serde(default = "default_port")]
    pub port: u16,
    /// The database. No default.
    pub database: String,
    /// The login name. No default.
    pub username: String,
    /// File that holds the password, one trailing line break left out; readable by its owner only. Default: none.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Whether and how the connection is encrypted. Default: `prefer`.
    #[serde(default)]
    pub sslmode: SslMode,
    /// PEM file of the authorities that may sign the server's certificate. Default: the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How many connections one pool holds at most, 2 to 1,000. Default: 20. A command has one pool; `brainops serve`
    /// has one for the doors, one for replay and one for the rest, so that none waits for what another is busy with.
    #[serde(default = "default_max_connections")]
    pub max_connections: u32,
}

/// Whether and how a connection to Postgres is encrypted; the names are those of `libpq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Never: for loopback only.
    Disable,
    /// If the server can.
    #[default]
    Prefer,
    /// Always, whoever the server is.
    Require,
    /// Always, and its certificate must be signed by a known authority.
    VerifyCa,
    /// Always, and its certificate must also name the host.
    VerifyFull,
}

/// A configuration that cannot be true, or a server that does not answer.
#[derive(Debug, Error)]
pub enum PostgresConfigError {
    /// A value is outside of what is accepted.
    #[error("{field} is {found:?}, accepted is {accepted}")]
    Value {
        /// Name of the key, with its section.
        field: &'static str,
        /// What was given.
        found: String,
        /// What would be taken.
        accepted: &'static str,
    },
    /// A file that is named cannot be read.
    #[error("{field} names {}, which cannot be read", path.display())]
    Unreadable {
        /// Name of the key, with its section.
        field: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than its owner may use the file with the password.
    #[error("postgres.password_file names {}, which has mode {mode:03o}, accepted is 600 or 400", path.display())]
    Loose {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The server cannot be reached or refuses the login.
    #[error("cannot connect to database {database} at {host}:{port}")]
    Connect {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// The database.
        database: String,
        /// Why.
        source: sqlx::Error,
    },
}

impl PostgresConfig {
    /// Connects, and gives a pool of at most `max_connections`.
    ///
    /// # Errors
    /// [`PostgresConfigError`], naming the key that is wrong or the server that does not answer.
    pub async fn pool(&self) -> Result<PgPool, PostgresConfigError> {
        let options = self.options()?;
        self.pool_options().connect_with(options).await.map_err(|source| PostgresConfigError::Connect {
            host: self.host.clone(),
            port: self.port,
            database: self.database.clone(),
            source,
        })
    }

    /// The same without connecting: each connection is made when it is needed.
    ///
    /// # Errors
    /// [`PostgresConfigError`], naming the key that is wrong.
    pub fn lazy_pool(&self) -> Result<PgPool, PostgresConfigError> {
        Ok(self.pool_options().connect_lazy_with(self.options()?))
    }

    fn pool_options(&self) -> PgPoolOptions {
        let pool = PgPoolOptions::new().max_connections(self.max_connections).acquire_timeout(ACQUIRE_LIMIT);
        pool.test_before_acquire(false).before_acquire(|connection, used| {
            Box::pin(async move {
                if used.idle_for > ASKED_AFTER {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
    }

    /// The same as options of one connection; reads the password file.
    ///
    /// # Errors
    /// [`PostgresConfigError`], naming the key that is wrong.
    pub fn options(&self) -> Result<PgConnectOptions, PostgresConfigError> {
        self.check()?;
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .database(&self.database)
            .username(&self.username)
            .application_name("brainops")
            .ssl_mode(self.sslmode.into())
            .options(SESSION_SETTINGS);
        if let Some(ca_file) = &self.ca_file {
            options = options.ssl_root_cert(ca_file);
        }
        if let Some(password) = self.password()? {
            options = options.password(&password);
        }
        Ok(options)
    }

    fn check(&self) -> Result<(), PostgresConfigError> {
        let named = [
            ("postgres.host", &self.host),
            ("postgres.database", &self.database),
            ("postgres.username", &self.username),
        ];
        for (field, value) in named {
            if value.is_empty() || value.contains('\0') {
                let (found, accepted) = (value.clone(), "a name of one character or more");
                return Err(PostgresConfigError::Value { field, found, accepted });
            }
        }
        if self.port == 0 {
            let accepted = "a number from 1 to 65535";
            return Err(PostgresConfigError::Value { field: "postgres.port", found: "0".into(), accepted });
        }
        if !(2..=1_000).contains(&self.max_connections) {
            return Err(PostgresConfigError::Value {
                field: "postgres.max_connections",
                found: self.max_connections.to_string(),
                accepted: "a number from 2 to 1000",
            });
        }
        Ok(())
    }

    fn password(&self) -> Result<Option<String>, PostgresConfigError> {
        let Some(path) = &self.password_file else { return Ok(None) };
        let unreadable = |source| PostgresConfigError::Unreadable {
            field: "postgres.password_file",
            path: path.clone(),
            source,
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(PostgresConfigError::Loose { path: path.clone(), mode });
            }
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Ok(Some(text.strip_suffix('\n').unwrap_or(&text).to_owned()))
    }
}

impl From<SslMode> for PgSslMode {
    fn from(mode: SslMode) -> Self {
        match mode {
            SslMode::Disable => Self::Disable,
            SslMode::Prefer => Self::Prefer,
            SslMode::Require => Self::Require,
            SslMode::VerifyCa => Self::VerifyCa,
            SslMode::VerifyFull => Self::VerifyFull,
        }
    }
}

fn default_port() -> u16 {
    5432
}

fn default_max_connections() -> u32 {
    20
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<PostgresConfig, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn what_cannot_be_true_names_its_key() {
        let cases = [
            (r#"{"host": "", "database": "d", "username": "u"}"#, "postgres.host"),
            (r#"{"host": "h", "database": "", "username": "u"}"#, "postgres.database"),
            (r#"{"host": "h", "database": "d", "username": "u\u0000"}"#, "postgres.username"),
            (r#"{"host": "h", "database": "d", "username": "u", "port": 0}"#, "postgres.port"),
            (
                r#"{"host": "h", "database": "d", "username": "u", "max_connections": 1}"#,
                "postgres.max_connections",
            ),
            (
                r#"{"host": "h", "database": "d", "username": "u", "password_file": "/nowhere"}"#,
                "postgres.password_file",
            ),
        ];
        for (json, field) in cases {
            let message = parse(json).unwrap().options().unwrap_err().to_string();
            assert!(message.starts_with(field), "{json}: {message}");
        }
    }

    #[test]
    fn unknown_keys_and_modes_are_refused() {
        let unknown = parse(r#"{"host": "h", "database": "d", "username": "u", "ssl": true}"#).unwrap_err();
        assert!(unknown.to_string().contains("unknown field `ssl`"), "{unknown}");
        let mode =
            parse(r#"{"host": "h", "database": "d", "username": "u", "sslmode": "maybe"}"#).unwrap_err();
        assert!(mode.to_string().contains("verify-full"), "{mode}");
    }

    #[cfg(unix)]
    #[test]
    fn a_password_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("brainops-password-{}", std::process::id()));
        fs::write(&path, "secret\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let config = PostgresConfig {
            password_file: Some(path.clone()),
            ..parse(r#"{"host": "h", "database": "d", "username": "u"}"#).unwrap()
        };
        let refused = config.password();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let taken = config.password();
        fs::remove_file(&path).unwrap();
        assert!(matches!(refused, Err(PostgresConfigError::Loose { mode: 0o640, .. })), "{refused:?}");
        assert_eq!(taken.unwrap().as_deref(), Some("secret"));
    }
}
