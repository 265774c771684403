//! A TCP proxy with weather: it stands between a client and a server and makes the way between them bad.
//!
//! What a test can say: slow, narrow, half-open, down, answered by somebody else, and cut at a certain question.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What passes at once: small, so that a narrow way lets a part of what was said arrive before the rest.
const PIECE: usize = 256;

/// How the way between client and server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weather {
    /// As if the proxy were not there.
    Clear,
    /// Everything takes this much longer, each way.
    Slow(Duration),
    /// So many bytes pass per second and direction, on each connection.
    Narrow {
        /// Bytes per second.
        bytes_per_second: u64,
    },
    /// Connections stand, and nothing arrives any more: what is sent is lost. When the weather changes, connections
    /// that have lost something are ended.
    HalfOpen,
    /// Connections are ended, and new ones too.
    Down,
    /// Whatever is asked, these bytes are the answer, and then the connection ends.
    AnsweredBySomebodyElse(Arc<[u8]>),
}

/// What becomes of what a client says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It passes.
    Not,
    /// It reaches the server; its answer is lost, with the connection.
    Answer,
    /// It is lost itself, with the connection.
    Question,
}

/// Judges what one connection's client says, in order.
pub type Judge = Box<dyn FnMut(&[u8]) -> Cut + Send>;

/// Whether what a client says has these bytes in it: what a [`Judge`] asks most.
pub fn says(said: &[u8], what: &[u8]) -> bool {
    said.windows(what.len()).any(|window| window == what)
}

/// Makes a [`Judge`] for each connection.
type Judges = Arc<dyn Fn() -> Judge + Send + Sync>;

/// Bytes in answers, and the bytes of the same length that take their place.
type Substitution = Arc<(Vec<u8>, Vec<u8>)>;

/// A proxy on a port of its own; it ends with the value.
pub struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    cuts: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

/// What all connections of a proxy share.
#[derive(Clone)]
struct Rules {
    server: String,
    weather: watch::Receiver<Weather>,
    judges: Judges,
    substitution: Option<Substitution>,
    cuts: Arc<AtomicUsize>,
}

impl Proxy {
    /// Stands before a server, `host:port`.
    ///
    /// # Panics
    /// When there is no port to listen on.
    pub async fn before(server: impl Into<String>) -> Self {
        Self::start(server.into(), Arc::new(|| Box::new(|_| Cut::Not)), |_| None).await
    }

    /// The same, and each thing that a client says is judged.
    ///
    /// # Panics
    /// When there is no port to listen on.
    pub async fn judging(
        server: impl Into<String>,
        judges: impl Fn() -> Judge + Send + Sync + 'static,
    ) -> Self {
        Self::start(server.into(), Arc::new(judges), |_| None).await
    }

    /// Stands before a Kafka broker on `127.0.0.1`. A broker tells its clients its own address, and they would go
    /// there directly, so the port is exchanged for the proxy's in everything that it says.
    ///
    /// # Panics
    /// When there is no port to listen on.
    pub async fn before_kafka(broker_port: u16) -> Self {
        let address = |port: u16| [b"127.0.0.1".as_slice(), &u32::from(port).to_be_bytes()].concat();
        let substitution = |own: u16| Some(Arc::new((address(broker_port), address(own))));
        let server = format!("127.0.0.1:{broker_port}");
        Self::start(server, Arc::new(|| Box::new(|_| Cut::Not)), substitution).await
    }

    async fn start(
        server: String,
        judges: Judges,
        substitution: impl FnOnce(u16) -> Option<Substitution>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (weather, seen) = watch::channel(Weather::Clear);
        let cuts = Arc::new(AtomicUsize::new(0));
        let substitution = substitution(port);
        let rules = Rules { server, weather: seen, judges, substitution, cuts: cuts.clone() };
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, rules.clone()));
            }
        });
        Self { port, weather, cuts, accepting }
    }

    /// The port that it listens on, on `127.0.0.1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the weather, for connections that stand as well.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// How many connections were cut by a judge.
    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Proxy").field("port", &self.port).field("weather", &*self.weather.borrow()).finish()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.weather.send_replace(Weather::Down);
    }
}

/// The life of one connection: until one of the two sides or the weather ends it.
async fn connect(client: TcpStream, mut rules: Rules) {
    if *rules.weather.borrow() == Weather::Down {
        return;
    }
    let Ok(server) = TcpStream::connect(&rules.server).await else { return };
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut weather = rules.weather.clone();
    let answer = rules.weather.borrow_and_update().clone();
    if let Weather::AnsweredBySomebodyElse(bytes) = answer {
        answer_instead(from_client, to_client, &bytes).await;
        return;
    }
    // Whatever ends, both halves of both sockets are dropped with it.
    tokio::select! {
        () = ask(from_client, to_server, &rules) => {}
        () = answer_back(from_server, to_client, &rules) => {}
        () = until_ended(&mut weather) => {}
    }
}

/// Ends with weather in which no connection that stands goes on.
async fn until_ended(weather: &mut watch::Receiver<Weather>) {
    let ends = |weather: &Weather| matches!(weather, Weather::Down | Weather::AnsweredBySomebodyElse(_));
    weather.wait_for(ends).await.ok();
}

async fn answer_instead(mut from_client: OwnedReadHalf, mut to_client: OwnedWriteHalf, bytes: &[u8]) {
    let mut question = vec![0; 64 * 1024];
    if from_client.read(&mut question).await.is_ok_and(|read| read > 0) {
        to_client.write_all(bytes).await.ok();
        to_client.shutdown().await.ok();
    }
}

async fn ask(mut from_client: OwnedReadHalf, mut to_server: OwnedWriteHalf, rules: &Rules) {
    let (mut judge, mut buffer) = ((rules.judges)(), vec![0; 64 * 1024]);
    while let Ok(read) = from_client.read(&mut buffer).await
        && read > 0
    {
        let bytes = &buffer[..read];
        let cut = judge(bytes);
        if cut == Cut::Question || !pass(rules, bytes, &mut to_server).await {
            rules.cuts.fetch_add(usize::from(cut != Cut::Not), Ordering::SeqCst);
            return;
        }
        if cut == Cut::Answer {
            to_server.flush().await.ok();
            rules.cuts.fetch_add(1, Ordering::SeqCst);
            return;
        }
    }
}

async fn answer_back(mut from_server: OwnedReadHalf, mut to_client: OwnedWriteHalf, rules: &Rules) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read) = from_server.read(&mut buffer).await
        && read > 0
    {
        let bytes = &mut buffer[..read];
        if let Some(substitution) = &rules.substitution {
            substitute(bytes, &substitution.0, &substitution.1);
        }
        if !pass(rules, bytes, &mut to_client).await {
            return;
        }
    }
}

/// Passes bytes on as the weather has it; false when they are lost, and the connection with them.
async fn pass(rules: &Rules, bytes: &[u8], to: &mut OwnedWriteHalf) -> bool {
    let weather = rules.weather.borrow().clone();
    if let Weather::Slow(latency) = weather {
        tokio::time::sleep(latency).await; // once, however much was said at once
    }
    for piece in bytes.chunks(PIECE) {
        let weather = rules.weather.borrow().clone();
        match weather {
            Weather::Narrow { bytes_per_second } => {
                let micros = piece.len() as u64 * 1_000_000 / bytes_per_second.max(1);
                tokio::time::sleep(Duration::from_micros(micros)).await;
            }
            Weather::HalfOpen => {
                let mut weather = rules.weather.clone();
                weather.wait_for(|weather| *weather != Weather::HalfOpen).await.ok();
                return false;
            }
            Weather::Clear | Weather::Slow(_) | Weather::Down | Weather::AnsweredBySomebodyElse(_) => {}
        }
        if to.write_all(piece).await.is_err() {
            return false;
        }
    }
    true
}

/// Both have the same length. What lies across two reads is not found; addresses come early in small answers.
fn substitute(bytes: &mut [u8], wanted: &[u8], instead: &[u8]) {
    let mut at = 0;
    while at + wanted.len() <= bytes.len() {
        if bytes[at..].starts_with(wanted) {
            bytes[at..at + wanted.len()].copy_from_slice(instead);
            at += wanted.len();
        } else {
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says everything back.
    async fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await.ok();
                });
            }
        });
        port
    }

    async fn say(stream: &mut TcpStream, text: &[u8]) -> Vec<u8> {
        stream.write_all(text).await.unwrap();
        let mut answer = vec![0; 64];
        let read = stream.read(&mut answer).await.unwrap_or(0);
        answer.truncate(read);
        answer
    }

    #[tokio::test]
    async fn weather_and_judges_decide_what_arrives() {
        let server = format!("127.0.0.1:{}", echo().await);
        let judges = || -> Judge { Box::new(|said| if said == b"cut" { Cut::Answer } else { Cut::Not }) };
        let proxy = Proxy::judging(server, judges).await;
        let address = ("127.0.0.1", proxy.port());
        let mut one = TcpStream::connect(address).await.unwrap();
        assert_eq!(say(&mut one, b"hello").await, b"hello");
        assert_eq!(say(&mut one, b"cut").await, b"", "the connection ends without an answer");
        assert_eq!(proxy.cuts(), 1);

        let mut two = TcpStream::connect(address).await.unwrap();
        assert_eq!(say(&mut two, b"hello").await, b"hello");
        proxy.set(Weather::HalfOpen);
        two.write_all(b"lost").await.unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(50), two.read_u8()).await;
        assert!(waited.is_err(), "nothing arrives, and nothing ends");
        proxy.set(Weather::AnsweredBySomebodyElse(Arc::from(b"no".as_slice())));
        assert!(two.read_u8().await.is_err(), "what has lost something is ended");
        let mut three = TcpStream::connect(address).await.unwrap();
        assert_eq!(say(&mut three, b"hello").await, b"no");
    }

    #[test]
    fn addresses_are_exchanged_wherever_they_stand() {
        let mut bytes = *b"xxabcabxabc";
        substitute(&mut bytes, b"abc", b"ABC");
        assert_eq!(&bytes, b"xxABCabxABC");
    }
}
