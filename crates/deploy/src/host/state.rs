//! What a host knows of a service, in a file that is replaced whole.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::provider::Deployed;

/// What outlives the host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// The deployment that is sent requests.
    pub(super) serving: Option<String>,
    /// Deployments, the newest first.
    pub(super) deployments: Vec<Deployed>,
}

impl Kept {
    /// What was kept; nothing where there is no file.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Keeps it: whoever reads finds the whole of it, or the whole of what was there before.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let beside = path.with_extension("partial");
        let mut file = fs::File::create(&beside)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(beside, path)
    }
}
