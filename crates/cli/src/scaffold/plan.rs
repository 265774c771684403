//! Everything that makes an agent, put together before anything is written.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::ScaffoldError;

/// A crate's folder that is to appear, and files that are to change.
#[derive(Debug)]
pub struct Plan {
    pub(super) root: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) files: Vec<(&'static str, String)>,
    pub(super) edits: Vec<Edit>,
}

/// A file that is to change.
#[derive(Debug)]
pub(super) struct Edit {
    pub path: PathBuf,
    pub before: String,
    pub after: String,
}

impl Plan {
    /// The files that are made, from the checkout's root.
    pub fn made(&self) -> Vec<PathBuf> {
        self.files.iter().map(|(path, _)| self.within(&self.folder.join(path))).collect()
    }

    /// The files that are changed, from the checkout's root.
    pub fn changed(&self) -> Vec<PathBuf> {
        self.edits.iter().map(|edit| self.within(&edit.path)).collect()
    }

    fn within(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }

    /// Carries it out, whole or not at all. Killed in its middle, it leaves a crate that is whole and not registered.
    ///
    /// # Errors
    /// Something cannot be written; what was written before is taken back.
    pub fn carry_out(&self) -> Result<(), ScaffoldError> {
        self.make_folder().map_err(|source| ScaffoldError::Write { path: self.folder.clone(), source })?;
        for (place, edit) in self.edits.iter().enumerate() {
            if let Err(source) = replace(&edit.path, &edit.after) {
                self.take_back(place, &edit.path)?;
                return Err(ScaffoldError::Write { path: edit.path.clone(), source });
            }
        }
        Ok(())
    }

    /// The folder appears under its name only when all of it is there; one that is there by then is left alone.
    fn make_folder(&self) -> io::Result<()> {
        let staged = tempfile::Builder::new().prefix(".agent-").tempdir_in(&self.root)?;
        let whole = staged.path().join("crate");
        for (path, text) in &self.files {
            let path = whole.join(path);
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(path, text)?;
        }
        fs::rename(whole, &self.folder)
    }

    /// Puts back the first so many files, and removes the folder.
    fn take_back(&self, edits: usize, failed: &Path) -> Result<(), ScaffoldError> {
        let half = |left: &Path, source: io::Error| ScaffoldError::Half {
            path: failed.to_owned(),
            left: left.to_owned(),
            source,
        };
        for edit in &self.edits[..edits] {
            replace(&edit.path, &edit.before).map_err(|source| half(&edit.path, source))?;
        }
        fs::remove_dir_all(&self.folder).map_err(|source| half(&self.folder, source))
    }
}

/// Replaces a file as a whole; whoever may use it stays who may.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::metadata(path)?.permissions())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_taken_back_when_the_rest_cannot_be() {
        let root = tempfile::tempdir().unwrap();
        let (first, missing) = (root.path().join("first"), root.path().join("nowhere/second"));
        fs::write(&first, "before").unwrap();
        let edit = |path: &Path| Edit {
            path: path.to_owned(),
            before: "before".to_owned(),
            after: "after".to_owned(),
        };
        let plan = Plan {
            root: root.path().to_owned(),
            folder: root.path().join("agent-x"),
            files: vec![("src/lib.rs", "text".to_owned())],
            edits: vec![edit(&first), edit(&missing)],
        };
        let refused = plan.carry_out().unwrap_err();
        assert!(matches!(&refused, ScaffoldError::Write { path, .. } if *path == missing), "{refused}");
        assert_eq!(fs::read_to_string(&first).unwrap(), "before");
        let left: Vec<_> =
            fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["first"]);
    }

    #[test]
    fn a_folder_that_is_there_by_then_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("agent-x");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("theirs"), "theirs").unwrap();
        let files = vec![("src/lib.rs", "text".to_owned())];
        let plan = Plan { root: root.path().to_owned(), folder: folder.clone(), files, edits: Vec::new() };
        assert!(plan.carry_out().is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
