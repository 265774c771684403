//! What decoding costs, in nanoseconds per event: the few fields of a fold, the whole typed event, and a tree of
//! values. The three take turns, so that a busy machine troubles them alike; the middle round is the figure.
//!
//! `cargo bench -p brainops-event`

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::hint::black_box;
use std::time::Instant;

use apache_avro::reader::datum::GenericDatumReader;
use brainops_event::types::{git, lead, privacy};
use brainops_event::{Catalog, SchemaEntry, TypedEvent, decode_datum, encode_datum, parse_timestamp};
use serde::Deserialize;

const ROUNDS: usize = 21;
const EVENTS_PER_ROUND: u32 = 20_000;

type Decode<'a> = &'a dyn Fn(&[u8]);

#[derive(Deserialize)]
#[expect(dead_code, reason = "only decoded")]
struct FewOfLead<'a> {
    lead_id: &'a str,
    company: Option<&'a str>,
    channel: &'a str,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only decoded")]
struct FewOfCommit<'a> {
    repository: &'a str,
    sha: &'a str,
    #[serde(borrow)]
    parents: Vec<&'a str>,
    committed_at: i64,
    files_changed: i32,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{:<26} {:<24} {:>8} {:>8} {:>8}", "event (bytes)", "decoded to", "min ns", "median", "max");
    let (lead, lead_datum) = encoded(&lead_discovered())?;
    measure(
        lead,
        &lead_datum,
        |datum| drop(decode_datum::<FewOfLead<'_>>(&lead.fast, datum).map(black_box)),
        |datum| {
            drop(decode_datum::<lead::LeadDiscovered>(&lead.fast, datum).map(black_box));
        },
    )?;
    let (commit, commit_datum) = encoded(&commit_created()?)?;
    measure(
        commit,
        &commit_datum,
        |datum| drop(decode_datum::<FewOfCommit<'_>>(&commit.fast, datum).map(black_box)),
        |datum| drop(decode_datum::<git::CommitCreated>(&commit.fast, datum).map(black_box)),
    )
}

fn measure(
    entry: &SchemaEntry,
    datum: &[u8],
    few: impl Fn(&[u8]),
    owned: impl Fn(&[u8]),
) -> Result<(), Box<dyn std::error::Error>> {
    let reader = GenericDatumReader::builder(&entry.avro).build()?;
    let tree = |mut datum: &[u8]| drop(reader.read_value(&mut datum).map(black_box));
    let ways: [(&str, Decode<'_>); 3] =
        [("few fields, borrowed", &few), ("generated type, owned", &owned), ("apache-avro Value", &tree)];
    let mut figures = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for ((_, decode), figures) in ways.iter().zip(&mut figures) {
            figures.push(nanoseconds_per_event(|| decode(black_box(datum))));
        }
    }
    let name = entry.event_types.first().copied().unwrap_or_default();
    for ((way, _), mut figures) in ways.iter().zip(figures) {
        figures.sort_by(f64::total_cmp);
        let (min, median, max) = (figures[0], figures[ROUNDS / 2], figures[ROUNDS - 1]);
        println!("{:<26} {way:<24} {min:>8.0} {median:>8.0} {max:>8.0}", format!("{name} ({})", datum.len()));
    }
    Ok(())
}

fn nanoseconds_per_event(decode: impl Fn()) -> f64 {
    let begin = Instant::now();
    for _ in 0..EVENTS_PER_ROUND {
        decode();
    }
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(EVENTS_PER_ROUND)
}

fn encoded<T: TypedEvent>(event: &T) -> Result<(&'static SchemaEntry, Vec<u8>), Box<dyn std::error::Error>> {
    let entry = Catalog::builtin().by_name(T::SCHEMA).ok_or("no such schema")?;
    let datum = encode_datum(&entry.fast, event)?;
    decode_datum::<T>(&entry.fast, &datum)?;
    Ok((entry, datum))
}

fn sealed(bytes: usize) -> Option<privacy::Sealed> {
    let key_id = "0f8fad5b-d9cb-469f-a165-70867728950e".to_owned();
    Some(privacy::Sealed { key_id, nonce: vec![7; 12], ciphertext: vec![42; bytes + 16] })
}

fn lead_discovered() -> lead::LeadDiscovered {
    lead::LeadDiscovered {
        lead_id: "lead-000123".to_owned(),
        name: sealed(14),
        email: sealed(24),
        company: Some("Example Works".to_owned()),
        channel: "conference".to_owned(),
    }
}

fn commit_created() -> Result<git::CommitCreated, Box<dyn std::error::Error>> {
    let at = parse_timestamp("2026-01-31T08:30:00.123Z")?;
    Ok(git::CommitCreated {
        repository: "shop-0123456789ab".to_owned(),
        sha: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        parents: vec!["89abcdef0123456789abcdef0123456789abcdef".to_owned()],
        committed_at: at,
        authored_at: at,
        author_id: "ab".repeat(32),
        author_name: sealed(14),
        author_email: sealed(24),
        message: sealed(180),
        files_changed: 5,
        insertions: 120,
        deletions: 40,
        paths: (0..5).map(|number| format!("crates/part-{number}/src/module_{number}.rs")).collect(),
        paths_complete: true,
    })
}
