//! The answer to COMMIT gets lost, with and without the commit: the checkpoint decides.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what must hold")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brainops_projection::PostgresConfig;
use common::{Bench, figures, small_batches};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What becomes of a COMMIT.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// It reaches the server, its answer is lost.
    Answer,
    /// It is lost itself.
    Question,
}

/// Stands between the projection and Postgres, and cuts every third connection that commits a batch.
struct Proxy {
    port: u16,
    cuts: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    async fn start(server: String, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cuts, commits) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counted = cuts.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, cut, commits.clone(), counted.clone()));
            }
        });
        Self { port, cuts, accepting }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Passes bytes both ways until a COMMIT is cut. Ends both sides then.
async fn pass(
    client: TcpStream,
    server: TcpStream,
    cut: Cut,
    commits: Arc<AtomicUsize>,
    cuts: Arc<AtomicUsize>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let (mut buffer, mut has_moved) = (vec![0; 64 * 1024], false);
    while let Ok(read) = from_client.read(&mut buffer).await
        && read > 0
    {
        let bytes = &buffer[..read];
        has_moved |= contains(bytes, b"COPY metrics_g1.sample");
        if has_moved && contains(bytes, b"COMMIT\0") && commits.fetch_add(1, Ordering::SeqCst) % 3 == 2 {
            answers.abort();
            if let Cut::Answer = cut {
                to_server.write_all(bytes).await.ok();
                to_server.flush().await.ok();
            }
            cuts.fetch_add(1, Ordering::SeqCst);
            break;
        }
        if to_server.write_all(bytes).await.is_err() {
            break;
        }
    }
    answers.abort();
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

async fn check(name: &str, cut: Cut) {
    let bench = Bench::new(name).await;
    let postgres = bench.namespace.postgres().clone();
    let proxy = Proxy::start(format!("{}:{}", postgres.host, postgres.port), cut).await;
    let through = PostgresConfig { host: "127.0.0.1".to_owned(), port: proxy.port, ..postgres };
    let pool = through.pool().await.unwrap();
    bench.append(figures(400, 30, 60)).await;
    let running = bench.start_over(pool, small_batches("one", 25));
    let end = bench.caught_up().await;
    bench.check_rows(&end).await;
    assert_eq!(bench.number("SELECT sum(times)::bigint FROM metrics.metric").await, 400);
    assert!(proxy.cuts.load(Ordering::SeqCst) >= 3, "commits were cut");
    assert_eq!(
        bench.number("SELECT max(epoch) FROM metrics_g1.checkpoint").await,
        1,
        "nobody had to take over anew"
    );
    running.stop().await;
    bench.namespace.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_not_done_again() {
    check("lost-answer", Cut::Answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_lost_is_done_again() {
    check("lost-commit", Cut::Question).await;
}
