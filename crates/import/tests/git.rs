//! What an import of a git repository promises, tried on small repositories.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use brainops_event::Outgoing;
use brainops_import::git::{
    DeploymentsFromTags, GitError, GitReport, MESSAGE_BYTES, PATHS, Repository, TagPattern,
};
use serde_json::{Value, json};
use support::{Commit, MemoryKeys, Repo, body, content, delete, wire, write};

fn import(
    path: &Path,
    deployments: Option<&DeploymentsFromTags>,
    keys: &MemoryKeys,
) -> (Vec<Outgoing>, GitReport) {
    let repository = Repository::open(path).expect("opens");
    let mut events = repository.events(deployments, keys).expect("starts");
    let total = events.total();
    let outgoing: Vec<Outgoing> = events.by_ref().map(|event| event.expect("reads")).collect();
    assert_eq!(outgoing.len() as u64, total, "total() counts what comes");
    (outgoing, events.report())
}

fn events(repo: &Repo) -> (Vec<Outgoing>, GitReport) {
    import(repo.path(), None, &MemoryKeys::new())
}

fn of_type<'a>(outgoing: &'a [Outgoing], event_type: &str) -> Vec<&'a Outgoing> {
    outgoing.iter().filter(|event| event.envelope.event_type().as_str() == event_type).collect()
}

fn commits_by_sha(outgoing: &[Outgoing]) -> BTreeMap<String, Value> {
    let commits = of_type(outgoing, "git.commit.created");
    commits
        .iter()
        .map(|event| body(event))
        .map(|body| (body["sha"].as_str().unwrap().to_owned(), body))
        .collect()
}

fn paths(commit: &Value) -> Vec<&str> {
    commit["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect()
}

fn releases(pattern: &str) -> DeploymentsFromTags {
    DeploymentsFromTags {
        pattern: TagPattern::new(pattern),
        service: None,
        environment: "production".to_owned(),
    }
}

fn forked() -> Repo {
    Repo::with(&[
        Commit { mark: 1, changes: vec![write(b"a", b"1\n"), write(b"b", b"1\n")], ..Commit::default() },
        Commit {
            mark: 2,
            from: Some(1),
            at: 1_700_000_100,
            changes: vec![write(b"a", b"2\n")],
            ..Commit::default()
        },
        Commit {
            branch: "side",
            mark: 3,
            from: Some(1),
            at: 1_700_000_050,
            changes: vec![write(b"c", b"1\n2\n3\n")],
            ..Commit::default()
        },
        Commit {
            mark: 4,
            from: Some(2),
            merge: Some(3),
            at: 1_700_000_200,
            changes: vec![write(b"c", b"1\n2\n3\n")],
            ..Commit::default()
        },
    ])
}

#[test]
fn every_commit_is_told_once_and_after_its_parents() {
    let repo = forked();
    let (outgoing, report) = events(&repo);
    let commits = of_type(&outgoing, "git.commit.created");
    assert_eq!(repo.git(&["rev-list", "--all", "--count"]), commits.len().to_string());
    assert_eq!((report.commits, report.branches, report.tags), (4, 2, 0));
    let mut told = HashSet::new();
    for commit in commits.iter().map(|event| body(event)) {
        for parent in commit["parents"].as_array().unwrap() {
            assert!(told.contains(parent.as_str().unwrap()), "{parent} before {}", commit["sha"]);
        }
        told.insert(commit["sha"].as_str().unwrap().to_owned());
    }
    let ids: HashSet<_> = outgoing.iter().map(|event| event.envelope.id().clone()).collect();
    assert_eq!(ids.len(), outgoing.len(), "ids differ");
}

#[test]
fn a_merge_counts_against_its_first_parent() {
    let repo = forked();
    let commits = commits_by_sha(&events(&repo).0);
    let merge = &commits[&repo.sha(4)];
    assert_eq!(merge["parents"], json!([repo.sha(2), repo.sha(3)]));
    assert_eq!((paths(merge), merge["insertions"].as_i64()), (vec!["c"], Some(3)));
    let root = &commits[&repo.sha(1)];
    assert_eq!((paths(root), root["insertions"].as_i64()), (vec!["a", "b"], Some(2)));
}

#[test]
fn identity_is_the_same_in_every_clone() {
    let repo = forked();
    let (original, _) = events(&repo);
    let folder = tempfile::tempdir().unwrap();
    let clone = folder.path().join("elsewhere");
    let (from, to) = (repo.path().to_str().unwrap(), clone.to_str().unwrap());
    repo.git(&["remote", "add", "origin", "https://user:secret@host.example/team/Web%20Shop.git"]);
    repo.git(&["clone", "-q", "--mirror", from, to]);
    repo.run(&["-C", to, "remote", "set-url", "origin", "git@other.example:Web%20Shop"], b"");
    let (here, there) = (Repository::open(repo.path()).unwrap(), Repository::open(&clone).unwrap());
    assert_eq!(here.id(), there.id());
    assert_eq!(here.id(), format!("web-20shop-{}", &repo.sha(1)[..12]));
    assert_eq!(here.source().as_str(), format!("brainops/import/git/{}", here.id()));
    let ids = |path: &Path| -> Vec<_> {
        import(path, None, &MemoryKeys::new())
            .0
            .into_iter()
            .map(|event| event.envelope.id().clone())
            .collect()
    };
    assert_eq!(ids(repo.path()), ids(&clone));
    assert_ne!(&ids(&clone)[0], original[0].envelope.id(), "another name is another source");
}

#[test]
fn a_history_that_is_told_again_is_the_same_and_a_longer_one_adds_to_it() {
    let repo = forked();
    let keys = MemoryKeys::new();
    let told = || -> Vec<_> { import(repo.path(), None, &keys).0.iter().map(content).collect() };
    let first = told();
    assert_eq!(told(), first);
    repo.add(&[Commit { mark: 5, from: None, branch: "other", at: 1_700_000_300, ..Commit::default() }]);
    let added: Vec<_> = told().into_iter().filter(|event| !first.contains(event)).collect();
    let types: Vec<&str> = added.iter().map(|(_, event_type, ..)| event_type.as_str()).collect();
    assert_eq!(types, ["git.commit.created", "git.branch.updated"]);
}

#[test]
fn tags_lead_to_commits_or_are_left_out_and_counted() {
    let repo = forked();
    let sha = repo.sha(2);
    repo.git(&["tag", "light", &sha]);
    repo.git(&["tag", "-a", "-m", "release", "heavy", &sha]);
    repo.git(&["tag", "-a", "-m", "of a tag", "nested", "heavy"]);
    repo.git(&["tag", "blob", &format!("{sha}:a")]);
    repo.git(&["tag", "-a", "-m", "of a tree", "tree", &format!("{sha}^{{tree}}")]);
    let (outgoing, report) = events(&repo);
    assert_eq!((report.tags, report.tags_without_commit), (3, 2));
    let tags: BTreeMap<String, (bool, String, i64)> = of_type(&outgoing, "git.tag.created")
        .into_iter()
        .map(|event| {
            let body = body(event);
            assert_eq!(body["sha"], json!(sha));
            let name = body["tag"].as_str().unwrap().to_owned();
            assert!(event.envelope.subject().as_str().ends_with(&format!("/tags/{name}")));
            let at = event.envelope.time().unwrap().timestamp();
            (name, (body["annotated"].as_bool().unwrap(), body["sha"].as_str().unwrap().to_owned(), at))
        })
        .collect();
    assert_eq!(tags["light"], (false, sha.clone(), 1_700_000_100));
    assert_eq!(tags["heavy"], (true, sha.clone(), 1_700_009_999));
    assert_eq!(tags["nested"], (true, sha, 1_700_009_999));
}

#[test]
fn a_tag_that_was_moved_is_told_again() {
    let repo = forked();
    repo.git(&["tag", "latest", &repo.sha(1)]);
    let id = |repo: &Repo| of_type(&events(repo).0, "git.tag.created")[0].envelope.id().clone();
    let before = id(&repo);
    repo.git(&["tag", "-f", "latest", &repo.sha(2)]);
    assert_ne!(before, id(&repo));
}

#[test]
fn release_tags_are_deployments_in_the_order_of_their_time() {
    let repo = forked();
    repo.git(&["tag", "v2", &repo.sha(4)]);
    repo.git(&["tag", "v1", &repo.sha(1)]);
    repo.git(&["tag", "-a", "-m", "late", "v0-late", &repo.sha(1)]);
    repo.git(&["tag", "nightly", &repo.sha(2)]);
    let (outgoing, report) = import(repo.path(), Some(&releases("v*")), &MemoryKeys::new());
    let service = Repository::open(repo.path()).unwrap().short_name().to_owned();
    let deployments = of_type(&outgoing, "deployment.succeeded");
    let ids: Vec<Value> = deployments.iter().map(|event| body(event)["deployment_id"].clone()).collect();
    assert_eq!(ids, [json!("v1"), json!("v2"), json!("v0-late")]);
    assert_eq!(report.deployments, 3);
    for event in deployments {
        let body = body(event);
        assert_eq!(event.envelope.subject().as_str(), format!("{service}/production"));
        assert_eq!((&body["service"], &body["environment"]), (&json!(service), &json!("production")));
        assert_eq!(body["git_ref"], body["deployment_id"]);
    }
}

#[test]
fn an_unusable_service_name_is_refused() {
    let repo = forked();
    let options = DeploymentsFromTags { service: Some("a/b".to_owned()), ..releases("*") };
    let keys = MemoryKeys::new();
    let refused = Repository::open(repo.path()).unwrap().events(Some(&options), &keys).err();
    assert!(matches!(refused, Some(GitError::Name { field: "service", .. })), "{refused:?}");
}

#[test]
fn a_rename_is_one_file_gone_and_one_come() {
    let repo = Repo::with(&[
        Commit { mark: 1, changes: vec![write(b"old", b"1\n2\n")], ..Commit::default() },
        Commit { mark: 2, from: Some(1), changes: vec![(b"R old new".to_vec(), None)], ..Commit::default() },
        Commit { mark: 3, from: Some(2), changes: vec![delete(b"new")], ..Commit::default() },
        Commit { mark: 4, from: Some(3), changes: vec![write(b"bin", b"\0\n\n")], ..Commit::default() },
        Commit { mark: 5, from: Some(4), changes: vec![], ..Commit::default() },
    ]);
    let commits = commits_by_sha(&events(&repo).0);
    let figures = |mark: u32| {
        let commit = &commits[&repo.sha(mark)];
        let number = |field: &str| commit[field].as_i64().unwrap();
        (paths(commit), number("files_changed"), number("insertions"), number("deletions"))
    };
    assert_eq!(figures(2), (vec!["new", "old"], 2, 2, 2));
    assert_eq!(figures(3), (vec!["new"], 1, 0, 2));
    assert_eq!(figures(4), (vec!["bin"], 1, 0, 0), "a binary file has no lines");
    assert_eq!(figures(5), (vec![], 0, 0, 0));
}

#[test]
fn odd_paths_and_messages_cannot_be_taken_for_each_other() {
    let message = format!("E\n1\t1\tfake\nC{}\n\n-\t-\tfake", "0".repeat(40));
    let repo = Repo::with(&[
        Commit {
            mark: 1,
            message: message.as_bytes(),
            changes: vec![
                write(b"\"qu\\\"ote\\nline\\tand tab\"", b"1\n"),
                write(b"-dash", b"1\n"),
                write(b"C0123", b"1\n"),
                write(b"\"\\377\\376\"", b"1\n"),
                write("żółw/日本".as_bytes(), b"1\n"),
            ],
            ..Commit::default()
        },
        Commit {
            mark: 2,
            from: Some(1),
            message: b"",
            changes: vec![write(b"E", b"1\n")],
            ..Commit::default()
        },
    ]);
    let keys = MemoryKeys::new();
    let (outgoing, report) = import(repo.path(), None, &keys);
    assert_eq!((report.commits, report.texts_replaced), (2, 1));
    let commits = commits_by_sha(&outgoing);
    let mut found = paths(&commits[&repo.sha(1)]);
    found.sort_unstable();
    assert_eq!(found, ["-dash", "C0123", "qu\"ote\nline\tand tab", "żółw/日本", "\u{fffd}\u{fffd}"]);
    assert_eq!(paths(&commits[&repo.sha(2)]), ["E"]);
    assert_eq!(commits[&repo.sha(2)]["message"], Value::Null, "an empty message needs no seal");
}

#[test]
fn encodings_are_read_or_replaced_and_counted() {
    let repo = Repo::with(&[
        Commit {
            mark: 1,
            encoding: Some("ISO-8859-1"),
            author: b"Jos\xe9 <jose@example.org>",
            message: b"caf\xe9",
            ..Commit::default()
        },
        Commit { mark: 2, from: Some(1), author: b"Bad \xff\xfe <bad@example.org>", ..Commit::default() },
    ]);
    let keys = MemoryKeys::new();
    let (outgoing, report) = import(repo.path(), None, &keys);
    assert_eq!(report.texts_replaced, 1);
    let opened = |mark: u32| {
        let events = of_type(&outgoing, "git.commit.created");
        let event = events.into_iter().find(|event| body(event)["sha"] == json!(repo.sha(mark))).unwrap();
        support::opened(&keys, event)
    };
    assert_eq!(opened(1), ("José".to_owned(), "jose@example.org".to_owned(), "café".to_owned()));
    assert_eq!(opened(2).0, "Bad \u{fffd}\u{fffd}");
}

#[test]
fn size_is_bounded_and_what_is_cut_is_counted() {
    let long = "ż".repeat(MESSAGE_BYTES);
    let names: Vec<String> = (0..PATHS + 20).map(|number| format!("f{number:04}")).collect();
    let repo = Repo::with(&[Commit {
        mark: 1,
        message: long.as_bytes(),
        changes: names.iter().map(|name| write(name.as_bytes(), b"1\n")).collect(),
        ..Commit::default()
    }]);
    let keys = MemoryKeys::new();
    let (outgoing, report) = import(repo.path(), None, &keys);
    assert_eq!((report.texts_shortened, report.texts_replaced), (1, 0));
    let commit = body(&outgoing[0]);
    assert_eq!(support::opened(&keys, &outgoing[0]).2.len(), MESSAGE_BYTES);
    assert_eq!(paths(&commit).len(), PATHS);
    assert_eq!((&commit["files_changed"], &commit["paths_complete"]), (&json!(520), &json!(false)));
}

#[test]
fn authors_are_sealed_and_told_apart() {
    let repo = Repo::with(&[
        Commit { mark: 1, message: b"a secret matter", ..Commit::default() },
        Commit { mark: 2, from: Some(1), author: b"A. E. <ada@example.ORG>", ..Commit::default() },
        Commit { mark: 3, from: Some(2), author: b"Bob <bob@example.org>", ..Commit::default() },
        Commit { mark: 4, from: Some(3), author: b"Nameless <>", ..Commit::default() },
    ]);
    let keys = MemoryKeys::new();
    let (outgoing, _) = import(repo.path(), None, &keys);
    let commits = commits_by_sha(&outgoing);
    let author = |mark: u32| commits[&repo.sha(mark)]["author_id"].as_str().unwrap().to_owned();
    assert_eq!(author(1), author(2), "case does not make another person");
    assert_eq!(HashSet::from([author(1), author(3), author(4)]).len(), 3);
    assert_eq!(support::opened(&keys, &outgoing[0]).1, "Ada@Example.org");
    for event in &outgoing {
        let wire = String::from_utf8_lossy(&wire(event)).to_lowercase();
        for personal in ["ada", "example.org", "bob", "nameless", "secret matter", "carl"] {
            assert!(!wire.contains(personal), "{personal} in {}", event.envelope.event_type());
        }
    }
    let asked = keys.asked.load(std::sync::atomic::Ordering::Relaxed);
    assert!(asked <= 1 + 3 * 4, "keys are made together: asked {asked} times");
}

#[test]
fn who_was_erased_stays_erased() {
    let repo = Repo::with(&[
        Commit { mark: 1, ..Commit::default() },
        Commit { mark: 2, from: Some(1), author: b"Bob <bob@example.org>", ..Commit::default() },
    ]);
    let keys = MemoryKeys::new();
    let author = body(&import(repo.path(), None, &keys).0[0])["author_id"].as_str().unwrap().to_owned();
    keys.forget(&author);
    let (outgoing, report) = import(repo.path(), None, &keys);
    assert_eq!(report.authors_erased, 1);
    let commits = commits_by_sha(&outgoing);
    let gone = &commits[&repo.sha(1)];
    assert_eq!((&gone["author_name"], &gone["message"]), (&Value::Null, &Value::Null));
    assert_ne!(commits[&repo.sha(2)]["author_name"], Value::Null);
}

#[test]
fn what_is_no_repository_is_a_typed_error() {
    let folder = tempfile::tempdir().unwrap();
    let unknown = Repository::open(&folder.path().join("nowhere")).unwrap_err();
    assert!(matches!(unknown, GitError::UnknownPath { .. }), "{unknown}");
    let plain = Repository::open(folder.path()).unwrap_err();
    assert!(matches!(plain, GitError::NotARepository { .. }), "{plain}");
    let empty = Repository::open(Repo::empty().path()).unwrap_err();
    assert!(matches!(empty, GitError::Empty { .. }), "{empty}");
}

#[test]
fn a_shallow_clone_is_read_and_says_so() {
    let repo = forked();
    let folder = tempfile::tempdir().unwrap();
    let clone = folder.path().join("shallow");
    let from = format!("file://{}", repo.path().display());
    repo.git(&["clone", "-q", "--depth=1", &from, clone.to_str().unwrap()]);
    let (outgoing, report) = import(&clone, None, &MemoryKeys::new());
    assert!(report.shallow);
    assert_eq!(of_type(&outgoing, "git.commit.created").len(), 1);
}

#[test]
fn a_subfolder_and_a_linked_work_tree_are_the_same_repository() {
    let repo = forked();
    let id = Repository::open(repo.path()).unwrap().id().to_owned();
    let subfolder = repo.path().join("sub");
    std::fs::create_dir(&subfolder).unwrap();
    assert_eq!(Repository::open(&subfolder).unwrap().id(), id);
    let folder = tempfile::tempdir().unwrap();
    let linked = folder.path().join("linked");
    repo.git(&["worktree", "add", "-q", linked.to_str().unwrap(), &repo.sha(1)]);
    assert_eq!(Repository::open(&linked).unwrap().id(), id);
}

/// A program that leaves a trace when it is run, and the trace.
fn trap(repo: &Repo) -> (String, PathBuf) {
    let (trap, sprung) = (repo.path().join("trap.sh"), repo.path().join("sprung"));
    std::fs::write(&trap, format!("#!/bin/sh\ntouch '{}'\n", sprung.display())).unwrap();
    std::fs::set_permissions(&trap, std::fs::Permissions::from_mode(0o755)).unwrap();
    (trap.to_str().unwrap().to_owned(), sprung)
}

#[test]
fn the_repositorys_own_settings_run_nothing() {
    let repo = forked();
    let signed = format!(
        "tree {}\nparent {}\nauthor A <a@b> 1700000300 +0000\ncommitter A <a@b> 1700000300 +0000\n\
         gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n\nsigned\n",
        repo.git(&["rev-parse", &format!("{}^{{tree}}", repo.sha(4))]),
        repo.sha(4)
    );
    let signed = repo.run(&["hash-object", "-t", "commit", "-w", "--stdin"], signed.as_bytes());
    repo.git(&["update-ref", "refs/heads/main", &signed]);
    let (trap, sprung) = trap(&repo);
    for (name, value) in [
        ("core.pager", trap.as_str()),
        ("core.fsmonitor", &trap),
        ("diff.external", &trap),
        ("diff.spy.textconv", &trap),
        ("gpg.program", &trap),
        ("log.showSignature", "true"),
        ("log.follow", "true"),
        ("diff.renames", "copies"),
        ("alias.log", &format!("!{trap}")),
    ] {
        repo.git(&["config", name, value]);
    }
    std::fs::write(repo.path().join(".gitattributes"), "* diff=spy\n").unwrap();
    let (_, report) = events(&repo);
    assert_eq!(report.commits, 5);
    assert!(!sprung.exists(), "a setting of the repository ran a program");
}

#[test]
fn what_is_missing_is_not_fetched() {
    let repo = forked();
    let blob = repo.git(&["rev-parse", &format!("{}:a", repo.sha(2))]);
    let (trap, sprung) = trap(&repo);
    for (name, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.url", "ssh://host.invalid/shop"),
        ("remote.origin.promisor", "true"),
        ("core.sshCommand", &trap),
    ] {
        repo.git(&["config", name, value]);
    }
    std::fs::remove_file(repo.path().join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let keys = MemoryKeys::new();
    let repository = Repository::open(repo.path()).unwrap();
    let failed = repository.events(None, &keys).unwrap().find_map(Result::err);
    assert!(matches!(failed, Some(GitError::Failed { step: "log", .. })), "{failed:?}");
    assert!(!sprung.exists(), "git went to fetch what is missing");
}
