//! Calls of tools, at the command line: asked for, decided by a policy, done, shown.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

mod support;

use std::fs;

use serde_json::json;
use support::{Installation, Service, text};

const POLICY: &str = r#"
@id("people-look")
permit(principal is Person, action in Action::"reads", resource);

@id("kim-writes-notes")
permit(principal == Person::"kim", action == Action::"files.write", resource)
when { context.arguments.path like "notes/*" };

@id("kim-remembers")
permit(principal == Person::"kim", action == Action::"memory.record", resource);

@id("kim-changes-the-shop")
permit(principal == Person::"kim", action == Action::"database.execute", resource)
when { context.arguments.database == "shop" };
"#;

/// An installation with a root and a policy, and what says so.
struct Site {
    installation: Installation,
    variables: Vec<(&'static str, String)>,
}

impl Site {
    async fn new(name: &str) -> Self {
        let installation = Installation::new(name).await;
        let folder = installation.folder.path().to_owned();
        fs::create_dir_all(folder.join("work/notes")).unwrap();
        fs::write(folder.join("work/README.md"), "first\nsecond\n").unwrap();
        fs::write(folder.join("policy.cedar"), POLICY).unwrap();
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let variables = vec![
            ("BRAINOPS_TOOLS__POLICY", path("policy.cedar")),
            ("BRAINOPS_TOOLS__ROOTS__MAIN", path("work")),
        ];
        Self { installation, variables }
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    fn serve(&self) -> Service {
        self.installation.serve_with("tools,relay", &self.variables())
    }

    /// Runs a command, checks how it ends, and answers what it said.
    fn ends(&self, arguments: &[&str], code: i32, parts: &[&str]) -> String {
        let mut command = self.installation.command(arguments);
        let output = command.envs(self.variables()).output().unwrap();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{arguments:?} does not say {part:?}: {said}");
        }
        said
    }

    fn path(&self, name: &str) -> String {
        self.installation.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_has_something_done_and_sees_who_decided_and_what_came_of_it() {
    let site = Site::new("tool").await;
    site.ends(&["init"], 0, &[]);
    let service = site.serve();
    site.ends(
        &["tool", "list"],
        0,
        &["files.read  (reads, idempotent)", "files.write  (writes, idempotent)", "root: string"],
    );
    let read = ["tool", "call", "files.read", "root=main", "path=README.md", "lines=1", "--by", "lee"];
    site.ends(&read, 0, &["completed", "people-look", "tool.call.started", "first\\n", "Person::\"lee\""]);
    let write = |path: &str, by: &str| {
        let arguments = json!({"root": "main", "path": path, "text": "hello"}).to_string();
        ["tool", "call", "files.write", "--arguments", &arguments, "--by", by].map(str::to_owned)
    };
    let call = |words: &[String], code, parts: &[&str]| {
        site.ends(&words.iter().map(String::as_str).collect::<Vec<_>>(), code, parts)
    };
    call(&write("notes/a.txt", "kim"), 0, &["completed", "kim-writes-notes"]);
    assert_eq!(fs::read_to_string(site.path("work/notes/a.txt")).unwrap(), "hello");
    call(&write("other.txt", "kim"), 3, &["denied", "not_permitted"]);
    call(&write("notes/b.txt", "lee"), 3, &["denied", "not_permitted"]);
    assert!(!fs::exists(site.path("work/other.txt")).unwrap());
    // What is critical waits for a person's approval, whatever the policy says.
    let change =
        |by| ["tool", "call", "database.execute", "database=shop", "sql=DELETE FROM price", "--by", by];
    site.ends(&change("kim"), 3, &["denied", "needs_approval", "a call that a person has approved"]);
    site.ends(&change("lee"), 3, &["denied", "not_permitted"]);
    let away = ["tool", "call", "files.read", "root=main", "path=nothing", "--by", "lee"];
    site.ends(&away, 3, &["failed", "not_found"]);
    // What cannot be asked for is refused before it is, with the field.
    site.ends(&["tool", "call", "files.read", "root=main", "--by", "lee"], 1, &["missing field `path`"]);
    let more = ["tool", "call", "files.read", "root=main", "path=a", "deep=1", "--by", "lee"];
    site.ends(&more, 1, &["deep", "expected one of"]);
    site.ends(&["tool", "call", "files.burn", "--by", "lee"], 1, &["there is no tool", "files.read"]);
    let plain =
        ["tool", "call", "mail.send", "to=kim@people.example", "subject=Hello", "body=x", "--by", "lee"];
    let said = site.ends(&plain, 1, &["to: accepted is a sealed text", "brainops seal"]);
    assert!(!said.contains("people.example"), "{said}");
    site.ends(&["tool", "calls"], 0, &["files.write", "denied", "failed", "completed", "Person::\"kim\""]);
    site.ends(&["tool", "show", "nothing"], 4, &["there is no call"]);
    assert!(service.log_text().contains("the policy is read"));
    drop(service);
    site.installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_read_models_say_is_asked_and_nothing_else() {
    let site = Site::new("toolquery").await;
    site.ends(&["init"], 0, &[]);
    let service = site.installation.serve_with("tools,relay,projectors", &site.variables());
    let query = |sql: &str| {
        let arguments = json!({ "sql": sql }).to_string();
        ["tool", "call", "database.query", "--by", "lee", "--arguments", &arguments].map(str::to_owned)
    };
    let call = |words: &[String], code, parts: &[&str]| {
        site.ends(&words.iter().map(String::as_str).collect::<Vec<_>>(), code, parts)
    };
    call(&query("SELECT count(*) AS many FROM operations.agent -- all"), 0, &["completed", "\"many\":0"]);
    for (sql, code) in [
        ("SELECT 1; DROP VIEW operations.agent", "bad_query"),
        ("SELECT 1) AS a; SELECT (1", "bad_query"),
        ("DELETE FROM operations.agent", "bad_query"),
        ("WITH gone AS (DELETE FROM brainops.outbox RETURNING 1) SELECT * FROM gone", "not_allowed"),
        ("SELECT * FROM brainops.outbox", "not_allowed"),
        ("SELECT pg_read_file('/etc/passwd')", "not_allowed"),
        ("SELECT nextval('a')", "bad_query"),
        ("SELECT many", "bad_query"),
        ("", "bad_query"),
    ] {
        call(&query(sql), 3, &["failed", code]);
    }
    let named = ["tool", "call", "projection.query", "query=operations.agents", "--by", "lee"];
    site.ends(&named, 0, &["completed", "\"rows\":[]"]);
    let more = [
        "tool",
        "call",
        "projection.query",
        "query=operations.agents",
        "parameters=[\"a\",\"b\"]",
        "--by",
        "lee",
    ];
    site.ends(&more, 3, &["failed", "bad_parameters", "the query has 1"]);
    let unheard = ["tool", "call", "projection.query", "query=operations.nothing", "--by", "lee"];
    site.ends(&unheard, 3, &["failed", "unknown_query", "operations.agents"]);
    let found = ["tool", "call", "events.search", "type=tool.call.requested", "limit=1", "--by", "lee"];
    site.installation.caught_up().await;
    site.ends(&found, 0, &["completed", "\"type\":\"tool.call.requested\"", "\"is_cut\":true"]);
    site.ends(&["tool", "call", "events.search", "limit=0", "--by", "lee"], 3, &["failed", "bad_limit"]);
    let remember = |text: &str, replaces: Option<&str>| {
        let arguments = json!({"about": "service/shop", "kind": "lesson", "text": text, "tags": ["load"], "replaces": replaces});
        ["tool", "call", "memory.record", "--by", "kim", "--arguments", &arguments.to_string()]
            .map(str::to_owned)
    };
    let said = call(&remember("It is slow at noon.", None), 0, &["completed"]);
    let first = said
        .split("\"id\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_else(|| panic!("{said}"));
    call(&remember("It is slow from noon to one.", Some(first)), 0, &["completed"]);
    call(&remember("Ask kim@example.com.", None), 3, &["failed", "bad_memory", "address of a person"]);
    site.installation.caught_up().await;
    let search = |more: &str| {
        ["tool", "call", "memory.search", "about=service/shop", "words=noon slow", more, "--by", "lee"]
            .map(str::to_owned)
    };
    let found = call(&search("tag=load"), 0, &["completed", "from noon to one"]);
    assert!(!found.contains("slow at noon"), "{found}");
    call(&search("replaced=true"), 0, &["slow at noon", "from noon to one"]);
    call(&search("kind=fact"), 0, &["\"rows\":[]"]);
    let explained = ["tool", "call", "database.explain", "sql=SELECT * FROM operations.agent", "--by", "lee"];
    site.ends(&explained, 0, &["completed", "\"plan\":["]);
    drop(service);
    site.installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_checked_tried_and_explained() {
    let site = Site::new("policy").await;
    site.ends(&["init"], 0, &[]);
    site.ends(&["policy", "check"], 0, &["fits: 4 policies"]);
    let flawed = site.path("flawed.cedar");
    for (policy, flaw) in [
        ("permit(principal, action, resource", "cannot be read"),
        ("permit(principal, action, resource);", "no @id"),
        (
            "@id(\"a\") permit(principal, action, resource); @id(\"a\") forbid(principal, action, resource);",
            "two policies",
        ),
        ("@id(\"a\") permit(principal, action == Action::\"files.burn\", resource);", "files.burn"),
        (
            "@id(\"a\") permit(principal, action == Action::\"files.read\", resource) when { context.arguments.pfad == \"x\" };",
            "pfad",
        ),
        (
            "@id(\"a\") permit(principal, action == Action::\"files.read\", resource) when { context.arguments.lines < 9 };",
            "lines",
        ),
        ("@id(\"a\") permit(principal == ?principal, action, resource);", "templates"),
    ] {
        fs::write(&flawed, policy).unwrap();
        site.ends(&["policy", "check", &flawed], 3, &["does not fit", flaw]);
    }
    let cases = site.path("cases.toml");
    let table = |expect: &str| {
        format!(
            "[[case]]\ncaller = \"Person::kim\"\ntool = \"files.write\"\narguments = {{ root = \"main\", path = \"notes/x\", text = \"\" \
             }}\nexpect = \"{expect}\"\nbecause = [\"kim-writes-notes\"]\n"
        )
    };
    fs::write(&cases, table("permitted")).unwrap();
    site.ends(&["policy", "test", &cases], 0, &["1 cases, 0 come out otherwise"]);
    fs::write(&cases, table("forbidden")).unwrap();
    site.ends(
        &["policy", "test", &cases],
        3,
        &["case 1", "is permitted (kim-writes-notes)", "1 come out otherwise"],
    );
    fs::write(&cases, table("perhaps")).unwrap();
    site.ends(&["policy", "test", &cases], 1, &["expect is \"perhaps\"", "permitted"]);
    let service = site.serve();
    let said = site.ends(&["tool", "call", "files.list", "root=main", "--by", "lee"], 0, &["completed"]);
    let id = said
        .lines()
        .find_map(|line| line.strip_prefix("id"))
        .unwrap()
        .trim()
        .split(' ')
        .next()
        .unwrap()
        .to_owned();
    site.ends(
        &["policy", "explain", &id],
        0,
        &["now         permitted by people-look", "then        permitted"],
    );
    let stricter = site.path("stricter.cedar");
    fs::write(&stricter, "@id(\"nobody\") forbid(principal, action in Action::\"files\", resource);")
        .unwrap();
    site.ends(&["policy", "explain", &id, "--policy", &stricter], 3, &["now         forbidden by nobody"]);
    drop(service);
    site.installation.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_before_the_role_begins() {
    let site = Site::new("toolbad").await;
    site.ends(&["init"], 0, &[]);
    for (variable, value, says) in [
        ("BRAINOPS_TOOLS__GATE__IN_FLIGHT", "0", "tools.gate.in_flight is 0, accepted is 1 to 10000"),
        ("BRAINOPS_TOOLS__ROOTS__MAIN", "nowhere", "the root main cannot be opened"),
        ("BRAINOPS_TOOLS__POLICY", "nowhere.cedar", "tools.policy"),
        ("BRAINOPS_TOOLS__GATE__PACE", "1", "pace"),
    ] {
        let mut command = site.installation.command(&["serve", "--roles", "tools"]);
        let output = command.envs(site.variables()).env(variable, value).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{variable}");
        assert!(text(&output.stderr).contains(says), "{variable}: {}", text(&output.stderr));
    }
    site.installation.close().await;
}
