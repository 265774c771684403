//! Small file systems for parts of a stack, which a scenario may fill.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use crate::runner::NOT_HERE;

/// A small file system, mounted over a folder. Dropped, it is unmounted, and what was in it is gone.
#[derive(Debug)]
pub struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts one over an empty folder.
    ///
    /// # Errors
    /// When this machine does not let us.
    pub(crate) fn mount(at: &Path, mib: u32) -> anyhow::Result<Self> {
        std::fs::create_dir_all(at)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m,mode=0700"), "tmpfs"]).arg(at);
        match mount.stdin(Stdio::null()).output() {
            Ok(done) if done.status.success() => Ok(Self { at: at.to_path_buf() }),
            Ok(done) => {
                let why = String::from_utf8_lossy(&done.stderr).trim().to_owned();
                bail!("{NOT_HERE}a small file system needs the right to mount: {why}")
            }
            Err(error) => bail!("{NOT_HERE}there is no mount: {error}"),
        }
    }

    /// Puts a small file system under a folder that has something in it, which moves along.
    pub(crate) fn under(folder: &Path, mib: u32) -> anyhow::Result<Self> {
        let aside = folder.with_extension("aside");
        std::fs::rename(folder, &aside).context("a folder moves aside")?;
        let disk = Self::mount(folder, mib)?;
        let copied = Command::new("cp").arg("-a").arg(aside.join(".")).arg(folder).status()?;
        ensure!(copied.success(), "what was in {} cannot be copied", folder.display());
        std::fs::remove_dir_all(&aside)?;
        Ok(disk)
    }

    /// Takes all of its space.
    ///
    /// # Errors
    /// When it cannot be written at all.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::create(self.eater())?;
        let zeros = vec![0; 64 * 1024];
        while file.write_all(&zeros).is_ok() {}
        while file.write_all(&zeros[..512]).is_ok() {}
        Ok(())
    }

    /// Gives the space back.
    ///
    /// # Errors
    /// When it was not filled.
    pub fn free(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.eater())?)
    }

    fn eater(&self) -> PathBuf {
        self.at.join("eater")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.at).status().ok();
    }
}

/// The disks of a stack of a scenario's own.
#[derive(Debug)]
pub struct Disks {
    /// Kafka's.
    pub kafka: SmallDisk,
    /// That of Postgres.
    pub postgres: SmallDisk,
}
