//! The state folder: keys, tokens and passwords of this installation, for its owner's eyes only.
//!
//! A secret is written to a temporary file and then linked to its name, so that it is there whole or not at all,
//! whenever the power goes, and two commands at once agree on one.

use std::fs::{self, DirBuilder};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rand::TryRng as _;
use rand::rngs::SysRng;

/// So many random bytes stand in a secret, twice as many hexadecimal digits.
const SECRET_BYTES: usize = 32;
const FOLDER_MODE: u32 = 0o700;

/// Whether something was made just now or was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MadeOrFound {
    /// It was not there before.
    Made,
    /// It was there.
    Found,
}

/// Where keys and tokens are kept.
#[derive(Debug, Clone)]
pub struct StateFolder(PathBuf);

impl StateFolder {
    /// The folder; touches nothing.
    pub fn new(folder: &Path) -> StateFolder {
        StateFolder(folder.to_owned())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of the key store.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// The operator's bearer token.
    pub fn api_token(&self) -> PathBuf {
        self.0.join("api-token")
    }

    /// The secret that GitHub signs its deliveries with.
    pub fn github_webhook_secret(&self) -> PathBuf {
        self.0.join("github-webhook-secret")
    }

    /// The token that the local host of services wants to see.
    pub fn host_token(&self) -> PathBuf {
        self.0.join("host-token")
    }

    /// The password of the analysts' role.
    pub fn analyst_password(&self) -> PathBuf {
        self.0.join("analyst-password")
    }

    /// Refuses to go on where `init` was not run.
    pub fn must_exist(&self) -> anyhow::Result<()> {
        if self.0.is_dir() {
            return self.refuse_if_open_to_others();
        }
        bail!("the state folder {} does not exist; run `brainops init` first", self.0.display());
    }

    /// Makes the folder when it is missing.
    pub fn ensure(&self) -> anyhow::Result<MadeOrFound> {
        if let Some(parent) = self.0.parent() {
            fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        }
        match DirBuilder::new().mode(FOLDER_MODE).create(&self.0) {
            Ok(()) => Ok(MadeOrFound::Made),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.refuse_if_open_to_others()?;
                Ok(MadeOrFound::Found)
            }
            Err(error) => {
                Err(error).with_context(|| format!("the state folder {} cannot be made", self.0.display()))
            }
        }
    }

    fn refuse_if_open_to_others(&self) -> anyhow::Result<()> {
        let folder = self.0.display();
        let metadata =
            fs::metadata(&self.0).with_context(|| format!("the state folder {folder} cannot be read"))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            bail!("the state folder {folder} has mode {mode:03o}, accepted is 700: chmod 700 {folder}");
        }
        Ok(())
    }
}

/// Makes a file with a fresh secret where there is none.
pub fn ensure_secret(path: &Path) -> anyhow::Result<MadeOrFound> {
    if path.exists() {
        read_secret(path)?; // an unusable one is told now, not when somebody is turned away
        return Ok(MadeOrFound::Found);
    }
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let unwritable = || format!("the secret {} cannot be written", path.display());
    // Files of this kind are made with mode 600.
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(unwritable)?;
    writeln!(file, "{}", fresh_secret()?).with_context(unwritable)?;
    file.as_file().sync_all().with_context(unwritable)?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => return Ok(MadeOrFound::Found),
        Err(error) => return Err(error.error).with_context(unwritable),
    }
    fs::File::open(folder).and_then(|folder| folder.sync_all()).with_context(unwritable)?;
    Ok(MadeOrFound::Made)
}

/// Reads a secret, and refuses one that others can read.
pub fn read_secret(path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let metadata = fs::metadata(path).with_context(|| format!("the secret {shown} cannot be read"))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!("the secret {shown} has mode {mode:03o}, accepted is 600");
    }
    let text = fs::read_to_string(path).with_context(|| format!("the secret {shown} cannot be read"))?;
    match text.trim() {
        "" => bail!("the secret {shown} is empty; remove the file and run `brainops init`"),
        secret => Ok(secret.to_owned()),
    }
}

fn fresh_secret() -> anyhow::Result<String> {
    let mut bytes = [0_u8; SECRET_BYTES];
    SysRng.try_fill_bytes(&mut bytes).context("the system gives no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert_eq!(ensure_secret(&path).unwrap(), MadeOrFound::Made);
        let secret = read_secret(&path).unwrap();
        assert_eq!(secret.len(), 2 * SECRET_BYTES);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(ensure_secret(&path).unwrap(), MadeOrFound::Found);
        assert_eq!(read_secret(&path).unwrap(), secret);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file is left");
    }

    #[test]
    fn what_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "secret").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = ensure_secret(&path).unwrap_err().to_string();
        assert!(error.contains("mode 640, accepted is 600"), "{error}");
        let open = StateFolder::new(&folder.path().join("state"));
        assert_eq!(open.ensure().unwrap(), MadeOrFound::Made);
        assert_eq!(open.ensure().unwrap(), MadeOrFound::Found);
        fs::set_permissions(open.path(), fs::Permissions::from_mode(0o750)).unwrap();
        assert!(open.ensure().unwrap_err().to_string().contains("accepted is 700"));
    }

    #[test]
    fn an_empty_secret_and_a_missing_folder_say_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(read_secret(&path).unwrap_err().to_string().contains("is empty"));
        let missing = StateFolder::new(&folder.path().join("none")).must_exist().unwrap_err().to_string();
        assert!(missing.contains("brainops init"), "{missing}");
    }
}
