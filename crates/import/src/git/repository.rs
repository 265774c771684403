//! Which repository this is: its name and the id that is the same in every clone.

use std::path::Path;

use brainops_event::Source;

use super::GitError;
use super::command::Git;
use crate::name::short_name;

/// A repository that can be read, with its identity.
#[derive(Debug, Clone)]
pub struct Repository {
    pub(super) git: Git,
    short_name: String,
    id: String,
    source: Source,
    shallow: bool,
}

impl Repository {
    /// Finds the repository that `path` lies in and its identity.
    ///
    /// # Errors
    /// The path is no folder, lies in no repository, the repository has no commit, or git fails.
    pub fn open(path: &Path) -> Result<Repository, GitError> {
        let git = Git::discover(path)?;
        let root = oldest_root(&git)?.ok_or_else(|| GitError::Empty { path: path.to_owned() })?;
        let short_name = name_of(&git)?;
        let id = format!("{short_name}-{}", &root[..12]);
        let source = source_of(&id)?;
        let shallow = git.output("rev-parse", &["rev-parse", "--is-shallow-repository"])? == b"true\n";
        Ok(Repository { git, short_name, id, source, shallow })
    }

    /// The last part of its origin's address, else of its folder: lower-case letters, digits, `.`, `_`, `-`.
    pub fn short_name(&self) -> &str {
        &self.short_name
    }

    /// The short name, a dash, and 12 digits of its oldest root commit.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The source of every event that is imported from it.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// True when history was cut off at some depth: the oldest commits then look like roots, and the id is that
    /// of this clone only.
    pub fn is_shallow(&self) -> bool {
        self.shallow
    }

    /// How many commits an import will read.
    ///
    /// # Errors
    /// Git fails.
    pub fn count_commits(&self) -> Result<u64, GitError> {
        let output = self.git.output("rev-list", &["rev-list", "--all", "--count"])?;
        let text = String::from_utf8_lossy(&output);
        text.trim().parse().map_err(|_| GitError::Unreadable {
            step: "rev-list",
            expected: "a number",
            found: text.trim().to_owned(),
        })
    }
}

fn source_of(id: &str) -> Result<Source, GitError> {
    let text = format!("brainops/import/git/{id}");
    Source::new(text.clone()).map_err(|error| GitError::Event { what: text, reason: error.to_string() })
}

/// The root with the earliest committer time, and of several the one whose id sorts first.
fn oldest_root(git: &Git) -> Result<Option<String>, GitError> {
    let arguments = ["log", "--all", "--max-parents=0", "--no-show-signature", "--format=%ct %H"];
    let output = git.output("log", &arguments)?;
    let text = String::from_utf8_lossy(&output);
    let roots = text.lines().filter_map(|line| line.split_once(' '));
    // A root whose time is unreadable comes last: it must not make the id depend on chance.
    let oldest = roots.min_by_key(|(seconds, sha)| (seconds.parse::<i64>().unwrap_or(i64::MAX), *sha));
    Ok(oldest.map(|(_, sha)| sha.to_owned()))
}

fn name_of(git: &Git) -> Result<String, GitError> {
    let url = git.output_if_any("config", &["config", "--get", "remote.origin.url"])?;
    let from_url = url.and_then(|url| last_part_of_address(String::from_utf8_lossy(&url).trim()));
    if let Some(name) = from_url.as_deref().and_then(short_name) {
        return Ok(name);
    }
    let folder = git.output("rev-parse", &["rev-parse", "--git-common-dir"])?;
    let folder = std::path::absolute(String::from_utf8_lossy(&folder).trim_end_matches('\n'));
    let from_folder = folder.ok().as_deref().and_then(last_part_of_folder);
    Ok(from_folder.as_deref().and_then(short_name).unwrap_or_else(|| "repository".to_owned()))
}

/// The repository's name in a URL, an `user@host:path` or a path, without `.git`. The host, and with it a user or
/// a password, is never part of the answer.
fn last_part_of_address(address: &str) -> Option<String> {
    let path = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1.split(['?', '#']).next()?,
        None => match address.split_once(':') {
            Some((host, path)) if !host.contains('/') => path,
            _ => address,
        },
    };
    without_git_suffix(path.trim_end_matches('/').rsplit('/').next()?)
}

fn last_part_of_folder(folder: &Path) -> Option<String> {
    let name = folder.file_name()?;
    if name == ".git" {
        return Some(folder.parent()?.file_name()?.to_string_lossy().into_owned());
    }
    without_git_suffix(&name.to_string_lossy())
}

fn without_git_suffix(name: &str) -> Option<String> {
    let name = name.strip_suffix(".git").unwrap_or(name);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gives_its_last_part_and_never_its_host() {
        for (address, expected) in [
            ("https://host.example/team/Shop.git", Some("Shop")),
            ("https://user:secret@host.example/team/shop/", Some("shop")),
            ("https://user:secret@host.example", None),
            ("https://user:secret@host.example/", None),
            ("ssh://git@host.example:2222/shop.git?x=1", Some("shop")),
            ("git@host.example:team/shop.git", Some("shop")),
            ("git@host.example:shop", Some("shop")),
            ("/srv/git/shop.git", Some("shop")),
            ("../shop", Some("shop")),
            ("./a:b/shop", Some("shop")),
            ("", None),
        ] {
            assert_eq!(last_part_of_address(address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn a_folder_gives_its_name_and_not_that_of_its_git_folder() {
        assert_eq!(last_part_of_folder(Path::new("/a/shop/.git")).as_deref(), Some("shop"));
        assert_eq!(last_part_of_folder(Path::new("/a/shop.git")).as_deref(), Some("shop"));
        assert_eq!(last_part_of_folder(Path::new("/")), None);
    }
}
