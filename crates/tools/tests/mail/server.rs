//! An SMTP server on this machine. What commands mean is the crate `mailin`'s, so that we are read by somebody else's reading of
//! RFC 5321; the sockets are ours, since tests cut them where it matters and no server crate does that.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use mailin::response::{AUTH_OK, INVALID_CREDENTIALS, OK};
use mailin::{Action, AuthMechanism, Handler, Response, Session, SessionBuilder};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a server does with who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Takes,
    RefusesLogin,
    RefusesSender,
    RefusesRecipient,
    RefusesData,
    RefusesText,
    /// Never says a word.
    IsSilent,
    /// Ends the connection where a reply is due, and at the first line of the text.
    BreaksAtGreeting,
    BreaksAtRecipient,
    BreaksAtData,
    BreaksInText,
    BreaksAfterText,
    /// Says after the text what is said before one.
    AnswersWithGoOn,
}

/// How a server can be talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    Plain,
    /// Lets people log in without TLS.
    PlainWithLogin,
    StartTls,
    Tls,
}

/// What a server has seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub connections: usize,
    pub letters: Vec<Letter>,
    pub logins: Vec<(String, String)>,
    /// All that came without TLS.
    pub plain: Vec<u8>,
}

/// A letter that it has accepted.
#[derive(Debug, Clone, Default)]
pub struct Letter {
    pub from: String,
    pub to: Vec<String>,
    pub text: Vec<u8>,
}

/// A running server.
pub struct Server {
    port: u16,
    authority: String,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    pub async fn start(manner: Manner, security: Security) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (acceptor, authority) = certified();
        let server = Self { port, authority, seen: Arc::clone(&seen) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.lock().unwrap().connections += 1;
                let desk = Desk { manner, seen: Arc::clone(&seen), letter: Letter::default() };
                let client = Client { session: session(security, desk), manner, seen: Arc::clone(&seen) };
                tokio::spawn(client.serve(stream, security, acceptor.clone()));
            }
        });
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of who has signed its certificate, in PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

/// A certificate of `localhost` by an authority of its own.
fn certified() -> (TlsAcceptor, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}

fn session(security: Security, desk: Desk) -> Session<Desk> {
    let mut builder = SessionBuilder::new("mail.test");
    match security {
        Security::Plain => {}
        Security::PlainWithLogin => {
            builder.enable_auth(AuthMechanism::Plain).insecure_enable_plaintext_auth();
        }
        Security::StartTls => {
            builder.enable_start_tls().enable_auth(AuthMechanism::Plain);
        }
        Security::Tls => {
            builder.enable_auth(AuthMechanism::Plain);
        }
    }
    builder.build(IpAddr::V4(Ipv4Addr::LOCALHOST), desk)
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// Who is talked to.
struct Client {
    session: Session<Desk>,
    manner: Manner,
    seen: Arc<Mutex<Seen>>,
}

impl Client {
    async fn serve(mut self, stream: TcpStream, security: Security, acceptor: TlsAcceptor) {
        if self.manner == Manner::BreaksAtGreeting {
            return;
        }
        if self.manner == Manner::IsSilent {
            return std::future::pending().await;
        }
        let upgraded = if security == Security::Tls {
            Some(Box::new(stream) as Box<dyn Wire>)
        } else {
            self.talk(Box::new(stream), true, true).await
        };
        if let Some(stream) = upgraded
            && let Ok(stream) = acceptor.accept(stream).await
        {
            self.session.tls_active();
            self.talk(Box::new(stream), security == Security::Tls, false).await;
        }
    }

    /// Talks until one of the two goes, or TLS is to begin.
    async fn talk(&mut self, stream: Box<dyn Wire>, greets: bool, is_plain: bool) -> Option<Box<dyn Wire>> {
        let (mut stream, mut line, mut is_text) = (BufReader::new(stream), Vec::new(), false);
        if greets {
            stream.write_all(&self.session.greeting().buffer().unwrap()).await.ok()?;
            stream.flush().await.ok()?;
        }
        loop {
            line.clear();
            // Who talks to us may be gone; the next one counts.
            if stream.read_until(b'\n', &mut line).await.ok()? == 0 || self.is_cut_at(&line, is_text) {
                return None;
            }
            if is_plain {
                self.seen.lock().unwrap().plain.extend_from_slice(&line);
            }
            let response = self.session.process(&line);
            is_text = response.code == 354 || (is_text && response.action == Action::NoReply);
            stream.write_all(&response.buffer().unwrap()).await.ok()?;
            stream.flush().await.ok()?;
            match response.action {
                Action::Close => return None,
                Action::UpgradeTls => return Some(stream.into_inner()),
                Action::NoReply | Action::Reply => {}
            }
        }
    }

    fn is_cut_at(&self, line: &[u8], is_text: bool) -> bool {
        match self.manner {
            Manner::BreaksAtRecipient => line.starts_with(b"RCPT"),
            Manner::BreaksAtData => line.starts_with(b"DATA"),
            Manner::BreaksInText => is_text,
            Manner::BreaksAfterText => is_text && line == b".\r\n",
            _ => false,
        }
    }
}

/// What is decided about a letter. What a server says beside its code may be anything: here it is the address.
struct Desk {
    manner: Manner,
    seen: Arc<Mutex<Seen>>,
    letter: Letter,
}

impl Desk {
    fn unless(&self, manner: Manner, code: u16) -> Response {
        if self.manner == manner {
            return Response::custom(code, format!("not for {:?} of {}", self.letter.to, self.letter.from));
        }
        OK
    }
}

impl Handler for Desk {
    fn auth_plain(&mut self, _: &str, username: &str, password: &str) -> Response {
        if self.manner == Manner::RefusesLogin {
            return INVALID_CREDENTIALS;
        }
        self.seen.lock().unwrap().logins.push((username.to_owned(), password.to_owned()));
        AUTH_OK
    }

    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        self.letter = Letter { from: from.to_owned(), ..Letter::default() };
        self.unless(Manner::RefusesSender, 451)
    }

    fn rcpt(&mut self, to: &str) -> Response {
        self.letter.to.push(to.to_owned());
        self.unless(Manner::RefusesRecipient, 550)
    }

    fn data_start(&mut self, _: &str, _: &str, _: bool, _: &[String]) -> Response {
        self.unless(Manner::RefusesData, 452)
    }

    fn data(&mut self, line: &[u8]) -> io::Result<()> {
        self.letter.text.extend_from_slice(line);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        if self.manner == Manner::AnswersWithGoOn {
            return Response::custom(354, "go on".to_owned());
        }
        let answer = self.unless(Manner::RefusesText, 554);
        if !answer.is_error {
            self.seen.lock().unwrap().letters.push(self.letter.clone());
        }
        answer
    }
}
