//! One suite of promises for large results, held in a folder and in a bucket of a server that speaks S3 and checks signatures.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test says what must hold")]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use brainops_event::error_chain;
use brainops_tools::{ObjectError, Objects, S3Config, S3Endpoint, S3SecretKey};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;

const BUCKET: &str = "results";
const KEY_ID: &str = "tester";
const SECRET: &str = "not-to-be-told-0123456789";

/// A store, and the folder in which its objects stand as files.
struct Store {
    objects: Objects,
    files: PathBuf,
    _folder: tempfile::TempDir,
}

impl Store {
    fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("objects");
        Self { objects: Objects::folder(&files).unwrap(), files, _folder: folder }
    }

    async fn s3(prefix: Option<&str>) -> Self {
        let (folder, address) = server().await;
        let config = S3Config { prefix: prefix.map(str::to_owned), ..config(address, SECRET) };
        let files = folder.path().join(BUCKET).join(prefix.unwrap_or_default());
        Self { objects: Objects::s3(&config).unwrap(), files, _folder: folder }
    }
}

/// A server on loopback, with an empty bucket.
async fn server() -> (tempfile::TempDir, SocketAddr) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(BUCKET)).unwrap();
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
    service.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, service.build()));
    (folder, address)
}

async fn serve(listener: TcpListener, service: S3Service) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        tokio::spawn(async move {
            let connection = Builder::new(TokioExecutor::new());
            connection.serve_connection(TokioIo::new(stream), service).await.ok(); // who goes away ends it
        });
    }
}

fn config(address: SocketAddr, secret: &str) -> S3Config {
    rustls::crypto::ring::default_provider().install_default().ok(); // the first test does
    S3Config {
        bucket: BUCKET.to_owned(),
        prefix: None,
        region: "eu-central-1".to_owned(),
        endpoint: Some(S3Endpoint::try_from(format!("http://{address}")).unwrap()),
        access_key_id: KEY_ID.to_owned(),
        secret_key: S3SecretKey::from(secret.to_owned()),
    }
}

/// More than stands in an event, and no text.
fn large() -> Vec<u8> {
    (0..600_000_u32).map(|number| number.to_le_bytes()[0]).collect()
}

/// What every store promises.
async fn check(Store { objects, files, .. }: &Store) {
    kept_is_found(objects).await;
    same_bytes_have_one_name(objects, files).await;
    what_is_altered_is_refused_until_it_is_kept_again(objects, files).await;
    what_is_missing_is_an_error(objects).await;
}

async fn kept_is_found(objects: &Objects) {
    for bytes in [large(), b"small".to_vec(), Vec::new()] {
        let name = objects.keep(bytes.clone()).await.unwrap();
        assert_eq!(objects.find(&name).await.unwrap(), bytes, "{name}");
    }
}

async fn same_bytes_have_one_name(objects: &Objects, files: &Path) {
    let first = objects.keep(large()).await.unwrap();
    let before = fs::read_dir(files.join("sha256")).unwrap().count();
    assert_eq!(objects.keep(large()).await.unwrap(), first);
    assert_ne!(objects.keep(b"small".to_vec()).await.unwrap(), first);
    assert_eq!(fs::read_dir(files.join("sha256")).unwrap().count(), before);
    assert_eq!(objects.find(&first).await.unwrap(), large());
}

async fn what_is_altered_is_refused_until_it_is_kept_again(objects: &Objects, files: &Path) {
    let name = objects.keep(large()).await.unwrap();
    let mut altered = large();
    altered[77] ^= 1;
    fs::write(files.join(&name), altered).unwrap();
    let error = objects.find(&name).await.unwrap_err();
    assert!(matches!(&error, ObjectError::Altered { name: blamed } if *blamed == name), "{error:?}");
    objects.keep(large()).await.unwrap();
    assert_eq!(objects.find(&name).await.unwrap(), large());
}

async fn what_is_missing_is_an_error(objects: &Objects) {
    let name = format!("sha256/{}", "0".repeat(64));
    let error = objects.find(&name).await.unwrap_err();
    assert!(matches!(&error, ObjectError::Missing { name: blamed, .. } if *blamed == name), "{error:?}");
}

#[tokio::test]
async fn a_folder_keeps_the_promises() {
    check(&Store::folder()).await;
}

#[tokio::test]
async fn a_bucket_keeps_the_promises() {
    check(&Store::s3(None).await).await;
}

#[tokio::test]
async fn a_place_in_a_bucket_keeps_the_promises() {
    check(&Store::s3(Some("tools/of one")).await).await;
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_no_key_is_told() {
    let (folder, address) = server().await;
    let wrong = "guessed-but-not-to-be-told";
    let unknown = S3Config { access_key_id: "nobody".to_owned(), ..config(address, SECRET) };
    for (config, expected) in [(config(address, wrong), "SignatureDoesNotMatch"), (unknown, "NotSignedUp")] {
        let objects = Objects::s3(&config).unwrap();
        let kept = objects.keep(large()).await.unwrap_err();
        let found = objects.find("sha256/00").await.unwrap_err();
        for error in [kept, found] {
            assert!(matches!(&error, ObjectError::Refused { code } if code == expected), "{error:?}");
            told_nothing(&format!("{error:?} {}", error_chain(&error)), wrong);
        }
        told_nothing(&format!("{objects:?} {config:?}"), wrong);
    }
    assert_eq!(fs::read_dir(folder.path().join(BUCKET)).unwrap().count(), 0, "nothing was kept");
}

fn told_nothing(text: &str, wrong: &str) {
    assert!(!text.contains(SECRET) && !text.contains(wrong), "{text}");
}

#[tokio::test]
async fn what_cannot_be_a_place_is_refused_before_anybody_is_asked() {
    let config = config(SocketAddr::from(([127, 0, 0, 1], 1)), SECRET);
    for (bucket, prefix, field) in
        [("", None, "bucket"), ("a/../b", None, "bucket"), (BUCKET, Some("a/../b"), "prefix")]
    {
        let prefix = prefix.map(str::to_owned);
        let config = S3Config { bucket: bucket.to_owned(), prefix, ..config.clone() };
        let error = Objects::s3(&config).unwrap_err();
        assert!(matches!(error, ObjectError::Config { field: blamed, .. } if blamed == field), "{error:?}");
    }
}

/// The clock is paused, and goes on when nobody does anything but wait.
#[tokio::test(start_paused = true)]
async fn a_store_that_says_nothing_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let objects = Objects::s3(&config(silent.local_addr().unwrap(), SECRET)).unwrap();
    let since = tokio::time::Instant::now();
    let error = objects.keep(large()).await.unwrap_err();
    assert!(matches!(error, ObjectError::Late | ObjectError::Store(_)), "{error:?}");
    assert!(since.elapsed() <= Duration::from_secs(31), "{:?}", since.elapsed());
    told_nothing(&format!("{error:?} {}", error_chain(&error)), SECRET);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_not_there_is_given_up() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let objects = Objects::s3(&config(gone, SECRET)).unwrap();
    let error = objects.find("sha256/00").await.unwrap_err();
    assert!(matches!(error, ObjectError::Store(_)), "{error:?}");
}
