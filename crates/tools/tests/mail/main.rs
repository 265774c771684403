//! What mail goes to whom, and what nobody learns of it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

mod server;

use std::sync::Arc;

use brainops_event::{KeyStore as _, Sealer as _};
use brainops_keys::FileKeyStore;
use brainops_tools::{
    Act, CallName, Encryption, MailConfig, MailConfigError, MailSend, Tool, ToolError, Toolbox,
};
use mailparse::{MailHeaderMap as _, ParsedMail};
use serde_json::{Value, json};
use server::{Manner, Security, Server};
use tempfile::TempDir;

const KIM: &str = "kim.quibblesworth@people.example";
const SUBJECT: &str = "Grüße from the zebra factory";
const BODY: &str = "Dear Kim,\n.\n.. the parcel is late — sorry.\r\nYours";
const PASSWORD: &str = "hunter2-and-more";
const FROM: &str = "notices@shop.example";

struct Scene {
    server: Server,
    keys: Arc<FileKeyStore>,
    folder: TempDir,
}

impl Scene {
    async fn new(manner: Manner) -> Self {
        Self::with(manner, Security::Plain).await
    }

    async fn with(manner: Manner, security: Security) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(FileKeyStore::open(folder.path().join("keys")).unwrap());
        Self { server: Server::start(manner, security).await, keys, folder }
    }

    fn config(&self) -> MailConfig {
        MailConfig {
            host: "127.0.0.1".to_owned(),
            port: self.server.port(),
            encryption: Encryption::None,
            ca_file: None,
            username: None,
            password_file: None,
            from: FROM.to_owned(),
            domains: vec!["people.example".to_owned()],
        }
    }

    /// A login, over TLS that the authority of the test has signed.
    fn login(&self, encryption: Encryption) -> MailConfig {
        let path = self.folder.path().join("authority.pem");
        std::fs::write(&path, self.server.authority()).unwrap();
        MailConfig {
            host: "localhost".to_owned(),
            encryption,
            ca_file: Some(path),
            username: Some("shop".to_owned()),
            password_file: Some("unread".into()),
            ..self.config()
        }
    }

    fn tool(&self, config: MailConfig) -> MailSend {
        let password = config.username.as_ref().map(|_| PASSWORD.to_owned());
        MailSend::new(config, password, self.keys.clone()).unwrap()
    }

    fn sealed(&self, subject: &str, kind: &str, text: &str) -> String {
        self.keys.seal(subject, kind, text).unwrap().to_token()
    }

    fn arguments(&self) -> Value {
        json!({
            "to": self.sealed("lead-kim", "email", KIM),
            "subject": self.sealed("lead-kim", "message", SUBJECT),
            "body": self.sealed("lead-kim", "message", BODY),
        })
    }

    async fn send(&self, arguments: Value) -> Result<Value, ToolError> {
        send(&self.tool(self.config()), arguments).await
    }

    /// Checks that a letter is refused with this code, and that nobody learns what it says.
    async fn refused(&self, arguments: Value, code: &str) -> ToolError {
        let error = self.send(arguments).await.expect_err("it is refused");
        assert_eq!((error.code, error.is_without_effect), (code, true), "{error}");
        assert_silent(&format!("{error} {error:?}"));
        assert_eq!(self.server.seen().letters.len(), 0);
        error
    }
}

fn act(id: &str) -> Act {
    Act::first(CallName { source: "brainops/agent/outreach".to_owned(), id: id.to_owned() })
}

async fn send(tool: &MailSend, arguments: Value) -> Result<Value, ToolError> {
    let arguments = serde_json::from_value(arguments).unwrap();
    assert_silent(&format!("{tool:?} {arguments:?}"));
    Ok(serde_json::to_value(tool.act(arguments, &act("c-1")).await?).unwrap())
}

fn assert_silent(told: &str) {
    for word in [KIM, "kim", "quibblesworth", "people.example", "Grüße", "zebra", "parcel", PASSWORD] {
        // The domains that may be written to are the operator's words.
        let told = told.replace("accepted are addresses at people.example", "");
        assert!(!told.contains(word), "{word} stands in {told}");
    }
}

fn header(mail: &ParsedMail<'_>, name: &str) -> String {
    let found = mail.headers.get_all_values(name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0].clone()
}

#[tokio::test]
async fn a_letter_arrives_with_its_envelope_its_headers_and_its_text() {
    let scene = Scene::new(Manner::Takes).await;
    let mut arguments = scene.arguments();
    arguments["reply_to_message"] = json!("<4711@mail.example.net>");
    let result = scene.send(arguments).await.unwrap();
    assert_eq!(result["code"], 250);
    assert_silent(&result.to_string());
    let seen = scene.server.seen();
    let [letter] = seen.letters.as_slice() else { panic!("{} letters", seen.letters.len()) };
    assert_eq!((letter.from.as_str(), letter.to.as_slice()), (FROM, &[KIM.to_owned()][..]));
    assert!(letter.text.split(|byte| *byte == b'\n').all(|line| line.len() <= 999 && line.is_ascii()));
    let mail = mailparse::parse_mail(&letter.text).unwrap();
    assert_eq!(header(&mail, "From"), FROM);
    assert_eq!(header(&mail, "To"), KIM);
    assert_eq!(header(&mail, "Subject"), SUBJECT);
    assert_eq!(header(&mail, "Auto-Submitted"), "auto-generated");
    assert_eq!(header(&mail, "In-Reply-To"), "<4711@mail.example.net>");
    assert_eq!(header(&mail, "References"), "<4711@mail.example.net>");
    assert_eq!(header(&mail, "MIME-Version"), "1.0");
    assert_eq!(header(&mail, "Message-ID"), result["message_id"].as_str().unwrap());
    let age = chrono::Utc::now().timestamp() - mailparse::dateparse(&header(&mail, "Date")).unwrap();
    assert!((0..600).contains(&age), "{age} s old");
    assert_eq!((mail.ctype.mimetype.as_str(), mail.ctype.charset.as_str()), ("text/plain", "utf-8"));
    assert_eq!(lines(&mail.get_body().unwrap()), lines(BODY));
}

/// A letter says its lines with CRLF, and ends with one.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").trim_end().to_owned()
}

#[tokio::test]
async fn the_same_call_has_the_same_message_id_and_another_call_has_another() {
    let scene = Scene::new(Manner::Takes).await;
    let tool = scene.tool(scene.config());
    let mut ids = Vec::new();
    for call in ["c-1", "c-1", "c-2"] {
        let arguments = serde_json::from_value(scene.arguments()).unwrap();
        let result = tool.act(arguments, &act(call)).await.unwrap();
        let id = serde_json::to_value(result).unwrap()["message_id"].as_str().unwrap().to_owned();
        assert!(id.starts_with('<') && id.ends_with("@shop.example>") && !id.contains("c-"), "{id}");
        ids.push(id);
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

#[tokio::test]
async fn long_subjects_and_texts_are_sent_up_to_their_bounds() {
    let scene = Scene::new(Manner::Takes).await;
    let with = |field: &str, text: &str| {
        let mut arguments = scene.arguments();
        arguments[field] = json!(scene.sealed("lead-kim", "message", text));
        arguments
    };
    let bounds = [
        ("subject", "ü".repeat(499)),
        ("subject", format!("{} {}", "x".repeat(900), "z".repeat(97))),
        ("body", "y".repeat(256 * 1024)),
    ];
    for (number, (field, text)) in bounds.into_iter().enumerate() {
        scene.send(with(field, &text)).await.unwrap();
        let seen = scene.server.seen();
        let letter = &seen.letters[number];
        assert!(letter.text.split(|byte| *byte == b'\n').all(|line| line.len() <= 999), "{field} {number}");
        let mail = mailparse::parse_mail(&letter.text).unwrap();
        let arrived =
            if field == "body" { lines(&mail.get_body().unwrap()) } else { header(&mail, "Subject") };
        assert_eq!(arrived, text);
    }
    let scene = Scene::new(Manner::Takes).await;
    for (field, text, code) in [
        ("subject", "ü ".repeat(333), "bad_subject"),
        ("subject", "x".repeat(901), "bad_subject"),
        ("subject", "zebra\r\nBcc: lee@evil.example".to_owned(), "bad_subject"),
        ("subject", "zebra\nBcc: lee@evil.example".to_owned(), "bad_subject"),
        ("subject", "zebra\r".to_owned(), "bad_subject"),
        ("body", "y".repeat(256 * 1024 + 1), "bad_body"),
    ] {
        let mut arguments = scene.arguments();
        arguments[field] = json!(scene.sealed("lead-kim", "message", &text));
        scene.refused(arguments, code).await;
    }
    assert_eq!(scene.server.seen().connections, 0);
}

#[tokio::test]
async fn who_may_not_be_written_to_is_not() {
    let scene = Scene::new(Manner::Takes).await;
    for (address, code) in [
        ("kim@elsewhere.example", "domain_not_allowed"),
        ("kim@mail.people.example", "domain_not_allowed"),
        ("kim@people.example.evil.example", "domain_not_allowed"),
        ("kim@people.example>\r\nRCPT TO:<lee@elsewhere.example", "bad_address"),
        ("kim@people.example, lee@people.example", "bad_address"),
        ("kim@people.example\n", "bad_address"),
        ("kim", "bad_address"),
    ] {
        let mut arguments = scene.arguments();
        arguments["to"] = json!(scene.sealed("lead-kim", "email", address));
        let error = scene.refused(arguments, code).await;
        assert!(!error.to_string().contains("elsewhere"), "{error}");
    }
    // Nobody may be written to unless somebody says so.
    let nobody = scene.tool(MailConfig { domains: Vec::new(), ..scene.config() });
    assert_eq!(send(&nobody, scene.arguments()).await.unwrap_err().code, "domain_not_allowed");
    let anybody = scene.tool(MailConfig { domains: vec!["*".to_owned()], ..scene.config() });
    send(&anybody, scene.arguments()).await.unwrap();
}

#[tokio::test]
async fn what_is_sealed_otherwise_or_for_somebody_else_is_not_opened() {
    let scene = Scene::new(Manner::Takes).await;
    let with = |field: &str, token: String| {
        let mut arguments = scene.arguments();
        arguments[field] = json!(token);
        arguments
    };
    let wrong_kind = with("to", scene.sealed("lead-kim", "message", KIM));
    let error = scene.refused(wrong_kind, "not_authentic").await;
    assert!(error.to_string().contains("to: accepted is a text that was sealed as email"), "{error}");
    scene.refused(with("body", scene.sealed("lead-kim", "email", BODY)), "not_authentic").await;
    for field in ["subject", "body"] {
        scene.refused(with(field, scene.sealed("lead-lee", "message", BODY)), "different_people").await;
    }
    scene.refused(with("to", scene.sealed("lead-lee", "email", KIM)), "different_people").await;
    let stranger = Scene::new(Manner::Takes).await;
    scene.refused(stranger.arguments(), "unknown_key").await;
    let key = scene.keys.keys_for(&["lead-kim"]).unwrap()[0].id().clone();
    let arguments = scene.arguments();
    scene.keys.destroy(&key).unwrap();
    scene.refused(arguments, "erased").await;
    assert_eq!(scene.server.seen().connections, 0);
}

#[tokio::test]
async fn plain_text_is_refused_with_its_field_and_not_repeated() {
    let scene = Scene::new(Manner::Takes).await;
    let tools = Toolbox::default().with(scene.tool(scene.config())).unwrap();
    assert_eq!(tools.check("mail.send", &scene.arguments()), Some(Ok(())));
    for (field, value) in [
        ("to", json!(KIM)),
        ("to", json!({ "zebra": KIM })),
        ("subject", json!(SUBJECT)),
        ("body", json!([BODY])),
        ("reply_to_message", json!(KIM)),
        ("reply_to_message", json!(format!("<4711@x>\r\nBcc: {KIM}"))),
    ] {
        let mut arguments = scene.arguments();
        arguments[field] = value;
        let refused = tools.check("mail.send", &arguments).unwrap().unwrap_err();
        assert_eq!(refused.field, field);
        assert!(refused.accepted.contains("accepted is a"), "{refused}");
        assert_silent(&refused.to_string());
    }
    let refused = tools.check("mail.send", &json!(KIM)).unwrap().unwrap_err();
    assert_silent(&refused.to_string());
    let schema = serde_json::to_value(&tools.spec("mail.send").unwrap().arguments).unwrap();
    for field in ["to", "subject", "body"] {
        assert!(schema["properties"][field]["pattern"].as_str().unwrap().starts_with("^sealed"), "{schema}");
    }
    assert_eq!(schema["required"], json!(["to", "subject", "body"]));
}

#[tokio::test]
async fn what_the_server_refuses_is_told_by_its_code_alone() {
    for (manner, detail) in [
        (Manner::RefusesSender, "sender: 451"),
        (Manner::RefusesRecipient, "recipient: 550"),
        (Manner::RefusesData, "DATA: 452"),
        (Manner::RefusesText, "text: 554"),
    ] {
        let scene = Scene::new(manner).await;
        let error = scene.refused(scene.arguments(), "refused").await;
        assert_eq!(error.detail.as_deref(), Some(detail));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_outcome_open_once_the_text_is_on_its_way() {
    for manner in [Manner::BreaksAtGreeting, Manner::BreaksAtRecipient, Manner::BreaksAtData] {
        let scene = Scene::new(manner).await;
        scene.refused(scene.arguments(), "unreachable").await;
    }
    for manner in [Manner::BreaksInText, Manner::BreaksAfterText, Manner::AnswersWithGoOn] {
        let scene = Scene::new(manner).await;
        let error = scene.send(scene.arguments()).await.expect_err("nobody knows");
        assert_eq!((error.code, error.is_without_effect), ("outcome_unknown", false), "{manner:?}");
        assert_silent(&format!("{error:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_not_waited_for_without_end() {
    let scene = Scene::new(Manner::IsSilent).await;
    let began = tokio::time::Instant::now();
    let error = scene.refused(scene.arguments(), "unreachable").await;
    assert!(error.to_string().ends_with("timed out"), "{error}");
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_done() {
    let scene = Scene::new(Manner::Takes).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let tool = scene.tool(MailConfig { port, ..scene.config() });
    let error = send(&tool, scene.arguments()).await.unwrap_err();
    assert_eq!((error.code, error.is_without_effect), ("unreachable", true));
    assert_eq!(error.detail.as_deref(), Some("connection: connection refused"));
    let error = send(&MailSend::default(), scene.arguments()).await.unwrap_err();
    assert_eq!((error.code, error.is_without_effect), ("mail_not_configured", true));
}

#[tokio::test]
async fn a_login_is_shown_over_tls_alone() {
    for (encryption, security) in
        [(Encryption::StartTls, Security::StartTls), (Encryption::Tls, Security::Tls)]
    {
        let scene = Scene::with(Manner::Takes, security).await;
        let result = send(&scene.tool(scene.login(encryption)), scene.arguments()).await.unwrap();
        assert_silent(&result.to_string());
        let seen = scene.server.seen();
        assert_eq!(seen.logins, [("shop".to_owned(), PASSWORD.to_owned())]);
        assert_eq!(seen.letters.len(), 1);
        let plain = String::from_utf8_lossy(&seen.plain).into_owned();
        assert!(!plain.contains("AUTH") && !plain.contains("MAIL"), "{plain}");
    }
}

#[tokio::test]
async fn without_trusted_tls_neither_password_nor_letter_is_sent() {
    // The server offers no STARTTLS, as after somebody between has taken the offer out.
    let scene = Scene::with(Manner::Takes, Security::PlainWithLogin).await;
    let error = send(&scene.tool(scene.login(Encryption::StartTls)), scene.arguments()).await.unwrap_err();
    assert_eq!((error.code, error.is_without_effect), ("unreachable", true), "{error}");
    let seen = scene.server.seen();
    let plain = String::from_utf8_lossy(&seen.plain).into_owned();
    assert!(plain.contains("EHLO") && !plain.contains("AUTH") && !plain.contains("MAIL"), "{plain}");
    assert!(seen.logins.is_empty() && seen.letters.is_empty());
    // Its certificate is signed by nobody that this machine knows.
    let scene = Scene::with(Manner::Takes, Security::StartTls).await;
    let config = MailConfig { ca_file: None, ..scene.login(Encryption::StartTls) };
    let error = send(&scene.tool(config), scene.arguments()).await.unwrap_err();
    assert_eq!((error.code, error.detail.as_deref()), ("unreachable", Some("STARTTLS: TLS failed")));
    // A password that is refused, and a configuration that would show it to everybody.
    let scene = Scene::with(Manner::RefusesLogin, Security::Tls).await;
    let error = send(&scene.tool(scene.login(Encryption::Tls)), scene.arguments()).await.unwrap_err();
    assert_eq!((error.code, error.detail.as_deref()), ("refused", Some("login: 535")));
    let config = MailConfig { encryption: Encryption::None, ..scene.login(Encryption::Tls) };
    let refused = MailSend::new(config, Some(PASSWORD.to_owned()), scene.keys.clone()).unwrap_err();
    assert_eq!(refused, MailConfigError::LoginInPlain);
}
