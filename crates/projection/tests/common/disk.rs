//! A small file system of a test's own.

#![allow(clippy::print_stdout, reason = "what a machine cannot show must be said")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A small file system, mounted over a folder; unmounted when it is dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one over an empty folder; `None`, with a word why, where this machine does not let us.
    pub fn mount(at: &Path, kib: u32) -> Option<Self> {
        let mounted = mount(at, &format!("size={kib}k"));
        if let Err(why) = &mounted {
            println!("not on this machine: a small file system needs the right to mount: {why}");
        }
        mounted.ok().map(|()| Self(at.to_owned()))
    }

    /// Makes room.
    pub fn grow(&self, kib: u32) {
        mount(&self.0, &format!("remount,size={kib}k")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

fn mount(at: &Path, options: &str) -> Result<(), String> {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).stdin(Stdio::null());
    let done = mount.output().map_err(|error| error.to_string())?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()) }
}
