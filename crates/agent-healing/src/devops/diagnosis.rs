//! Which commit has broken a deployment, and what speaks for it. Pure, and a guess of which every part is told.
//!
//! | what speaks for a commit | score |
//! |---|---|
//! | it changed the file of the first place that the log names; of a further place | 60; 30 |
//! | it is the only one that was brought in | 40 |
//! | it changed configuration, dependencies or what builds the service, and the deployment never became healthy; or did | 25; 10 |
//! | it brought a migration | 15 |
//! | it changed 200 lines or more | 5 |
//! | it is the newest; the next; the one after that | 3; 2; 1 |
//!
//! The last two alone name nobody: below [`ENOUGH`] the culprit is not known.

use std::collections::BTreeSet;

use super::told::Commit;

/// What a suspect must have to be called the culprit.
pub const ENOUGH: i32 = 10;
/// How many suspects are told.
const MAX_SUSPECTS: usize = 20;
/// How many reasons of one suspect are told.
const MAX_REASONS: usize = 10;
/// From how many lines on a change is large.
const LARGE: i64 = 200;

/// What speaks for a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Suspect {
    pub(super) sha: String,
    pub(super) score: i32,
    pub(super) reasons: Vec<String>,
}

/// The commits that something speaks for, the first first. `commits` come newest first.
pub(super) fn suspects(commits: &[Commit], frames: &[String], never_healthy: bool) -> Vec<Suspect> {
    let mut suspects: Vec<Suspect> =
        (0_i32..).zip(commits).map(|(age, commit)| suspect(age, commit, frames, never_healthy)).collect();
    if let [only] = &mut suspects[..] {
        only.adds(40, "only_commit".to_owned());
    }
    // Stable: of equals the newer one comes first.
    suspects.sort_by_key(|suspect| std::cmp::Reverse(suspect.score));
    suspects.retain(|suspect| !suspect.reasons.is_empty());
    suspects.truncate(MAX_SUSPECTS);
    suspects
}

/// The one that is called the culprit, if one is.
pub(super) fn culprit(suspects: &[Suspect]) -> Option<&Suspect> {
    suspects.first().filter(|first| first.score >= ENOUGH)
}

/// Migrations that lie between, by their paths.
pub(super) fn migrations(commits: &[Commit]) -> Vec<String> {
    let paths = commits.iter().flat_map(|commit| &commit.paths).filter(|path| is_migration(path));
    paths.collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

fn suspect(age: i32, commit: &Commit, frames: &[String], never_healthy: bool) -> Suspect {
    let mut suspect = Suspect { sha: commit.sha.clone(), ..Suspect::default() };
    for (place, frame) in frames.iter().enumerate() {
        let file = frame.rsplit_once(':').map_or(frame.as_str(), |(file, _)| file);
        let has_changed = commit.paths.iter().any(|path| is_of(path, file));
        if has_changed && !suspect.reasons.iter().any(|reason| names_file(reason, file)) {
            suspect.adds(if place == 0 { 60 } else { 30 }, format!("stack_trace:{frame}"));
        }
    }
    if let Some(path) = commit.paths.iter().find(|path| is_configuration(path)) {
        suspect.adds(if never_healthy { 25 } else { 10 }, format!("configuration:{path}"));
    }
    if let Some(path) = commit.paths.iter().find(|path| is_migration(path)) {
        suspect.adds(15, format!("migration:{path}"));
    }
    let lines = commit.insertions.saturating_add(commit.deletions);
    if lines >= LARGE {
        suspect.adds(5, format!("size:{lines}"));
    }
    if age < 3 {
        suspect.adds(3 - age, format!("age:{}", age + 1));
    }
    suspect.reasons.truncate(MAX_REASONS);
    suspect
}

impl Suspect {
    fn adds(&mut self, score: i32, reason: String) {
        self.score += score;
        self.reasons.push(reason);
    }
}

/// Whether a place in a log is in this file: logs may name it from further down.
fn is_of(path: &str, file: &str) -> bool {
    path == file || path.strip_suffix(file).is_some_and(|before| before.ends_with('/'))
}

fn names_file(reason: &str, file: &str) -> bool {
    reason
        .strip_prefix("stack_trace:")
        .and_then(|frame| frame.rsplit_once(':'))
        .is_some_and(|(its, _)| its == file)
}

/// Whether a path is that of a change to a database's tables, as the common tools lay them out.
fn is_migration(path: &str) -> bool {
    let mut folders = path.split('/').rev().skip(1);
    let is_in = folders.any(|folder| {
        matches!(
            folder,
            "migrations" | "migration" | "migrate" | "alembic" | "flyway" | "liquibase" | "changelog"
        )
    });
    is_in && !path.ends_with(".md")
}

/// Whether a path is that of what a service is configured, built or supplied with.
fn is_configuration(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_named = matches!(
        name,
        "Dockerfile"
            | "Makefile"
            | "Procfile"
            | "package.json"
            | "package-lock.json"
            | "Cargo.toml"
            | "Cargo.lock"
            | "go.mod"
            | "go.sum"
            | "pom.xml"
            | "build.gradle"
            | "Gemfile"
            | "Gemfile.lock"
            | "requirements.txt"
            | "pyproject.toml"
            | "poetry.lock"
            | "uv.lock"
    );
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    is_named
        || matches!(ending, Some("toml" | "yaml" | "yml" | "ini" | "cfg" | "conf" | "env" | "properties"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(sha: &str, paths: &[&str], lines: i64) -> Commit {
        Commit {
            sha: sha.to_owned(),
            insertions: lines,
            deletions: 0,
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            paths_complete: true,
            is_whole: true,
        }
    }

    fn ranked(commits: &[Commit], frames: &[&str], never_healthy: bool) -> Vec<(String, i32)> {
        let frames: Vec<String> = frames.iter().map(|frame| (*frame).to_owned()).collect();
        suspects(commits, &frames, never_healthy).into_iter().map(|one| (one.sha, one.score)).collect()
    }

    #[test]
    fn the_commit_that_changed_what_the_trace_names_comes_first() {
        let commits = [
            commit("readme", &["README.md"], 3),
            commit("prices", &["shop/prices.py", "shop/app.py"], 9),
            commit("style", &["shop/app.py", "web/style.css"], 400),
        ];
        let found = suspects(&commits, &["prices.py:7".to_owned(), "shop/app.py:30".to_owned()], false);
        let expected = ["stack_trace:prices.py:7", "stack_trace:shop/app.py:30", "age:2"];
        assert_eq!((found[0].sha.as_str(), found[0].score), ("prices", 92));
        assert_eq!(found[0].reasons, expected);
        assert_eq!(found[1].reasons, ["stack_trace:shop/app.py:30", "size:400", "age:3"]);
        assert_eq!(culprit(&found).map(|one| one.sha.as_str()), Some("prices"));
    }

    #[test]
    fn without_evidence_nobody_is_named() {
        let commits = [commit("a", &["a.py"], 500), commit("b", &["b.py"], 1)];
        let found = suspects(&commits, &["c.py:1".to_owned()], false);
        assert_eq!(culprit(&found), None);
        assert_eq!(found.len(), 2, "what speaks for them is told all the same");
        assert_eq!(culprit(&suspects(&[], &[], true)), None);
    }

    #[test]
    fn what_never_became_healthy_is_looked_for_in_configuration() {
        let commits = [commit("text", &["README.md"], 1), commit("setting", &["deploy/config.toml"], 1)];
        assert_eq!(ranked(&commits, &[], true), [("setting".to_owned(), 27), ("text".to_owned(), 3)]);
        assert_eq!(ranked(&commits, &[], false)[0], ("setting".to_owned(), 12));
        assert_eq!(ranked(&commits[..1], &[], false), [("text".to_owned(), 43)]);
    }

    #[test]
    fn migrations_are_known_by_their_folders() {
        let commits = [
            commit("a", &["db/migrations/0003_discount.sql", "migrations/README.md", "src/migrations.py"], 1),
            commit("b", &["shop/migrations/0004_more.py", "src/migrate.py"], 1),
        ];
        assert_eq!(migrations(&commits), ["db/migrations/0003_discount.sql", "shop/migrations/0004_more.py"]);
    }

    #[test]
    fn a_file_is_named_from_any_depth_but_whole() {
        assert!(is_of("a/b/c.py", "c.py") && is_of("a/b/c.py", "b/c.py") && is_of("c.py", "c.py"));
        assert!(!is_of("a/bc.py", "c.py") && !is_of("c.py", "a/c.py"));
    }
}
