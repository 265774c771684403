//! Every schema of the catalog: what is written is read back equal, and a second decoder reads the same values.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeSet, HashMap};

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::ResolvedSchema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use brainops_event::{Catalog, SchemaEntry, SchemaId, decode_datum, encode_datum, frame, types, unframe};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How much a sample holds: nothing that may be left out, a little of all, or the extremes.
#[derive(Clone, Copy, Debug)]
enum Fullness {
    Bare,
    Some,
    Extreme,
}

fn sample(schema: &Schema, names: &HashMap<String, &Schema>, fullness: Fullness) -> Value {
    let inner = |schema: &Schema| sample(schema, names, fullness);
    match schema {
        Schema::Null => Value::Null,
        Schema::Boolean => Value::Boolean(!matches!(fullness, Fullness::Bare)),
        Schema::Int => Value::Int(pick(fullness, 0, 7, i32::MIN)),
        Schema::Long => Value::Long(pick(fullness, 0, -7_000_000_000, i64::MAX)),
        Schema::TimestampMillis => {
            Value::TimestampMillis(pick(fullness, 0, 1_769_848_200_123, 253_402_300_799_999))
        }
        Schema::Double => Value::Double(pick(fullness, 0.0, 0.25, f64::MIN_POSITIVE)),
        Schema::String => {
            Value::String(pick(fullness, String::new(), "Zürich ✓".to_owned(), "long ".repeat(2000)))
        }
        Schema::Bytes => Value::Bytes(pick(fullness, vec![], vec![0, 255, 128], vec![7; 5000])),
        Schema::Array(array) => Value::Array(vec![inner(&array.items); pick(fullness, 0, 2, 500)]),
        Schema::Map(map) => {
            let keys = (0..pick(fullness, 0, 2, 100)).map(|number| format!("key {number}"));
            Value::Map(keys.map(|key| (key, inner(&map.types))).collect())
        }
        Schema::Union(union) => {
            let chosen = pick(fullness, 0, union.variants().len() - 1, union.variants().len() - 1);
            Value::Union(u32::try_from(chosen).unwrap(), Box::new(inner(&union.variants()[chosen])))
        }
        Schema::Record(record) => Value::Record(
            record.fields.iter().map(|field| (field.name.clone(), inner(&field.schema))).collect(),
        ),
        Schema::Ref { name } => inner(names[&name.fullname(None)]),
        other => panic!("add {other:?} to the samples"),
    }
}

fn pick<T>(fullness: Fullness, bare: T, some: T, extreme: T) -> T {
    match fullness {
        Fullness::Bare => bare,
        Fullness::Some => some,
        Fullness::Extreme => extreme,
    }
}

fn samples(entry: &SchemaEntry) -> Vec<Value> {
    let resolved = ResolvedSchema::new(&entry.avro).unwrap();
    let names = resolved.get_names().iter().map(|(name, schema)| (name.fullname(None), *schema)).collect();
    let fullnesses = [Fullness::Bare, Fullness::Some, Fullness::Extreme];
    fullnesses.iter().map(|fullness| sample(&entry.avro, &names, *fullness)).collect()
}

fn avro_bytes(entry: &SchemaEntry, value: &Value) -> Vec<u8> {
    let writer = GenericDatumWriter::builder(&entry.avro).build().unwrap();
    writer.write_value_to_vec(value.clone()).unwrap()
}

fn avro_value(entry: &SchemaEntry, datum: &[u8]) -> Value {
    let mut rest = datum;
    let reader = GenericDatumReader::builder(&entry.avro).build().unwrap();
    let value = reader.read_value(&mut rest).unwrap();
    assert!(rest.is_empty(), "{}: bytes are left", entry.name);
    value
}

/// The other decoder's bytes as our type, ours framed and read back, and ours as the other decoder's value.
fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    name: &str,
    checked: &mut BTreeSet<String>,
) {
    let entry = Catalog::builtin().by_name(name).unwrap();
    for value in samples(entry) {
        let typed: T = decode_datum(&entry.fast, &avro_bytes(entry, &value)).unwrap();
        let datum = encode_datum(&entry.fast, &typed).unwrap();
        let framed = frame(SchemaId::new(70_000), &datum);
        let (id, unframed) = unframe(&framed).unwrap();
        assert_eq!(id, SchemaId::new(70_000));
        assert_eq!(decode_datum::<T>(&entry.fast, unframed).unwrap(), typed);
        assert_eq!(avro_value(entry, unframed), value, "{name}");
        assert_eq!(encode_datum(&entry.fast, &typed).unwrap(), datum, "one value has one encoding");
    }
    checked.insert(name.to_owned());
}

#[test]
fn every_record_comes_back_equal_and_reads_the_same_elsewhere() {
    let mut checked = BTreeSet::new();
    macro_rules! check_all {
        ($($domain:ident: $($record:ident),+;)+) => {
            $($(check::<types::$domain::$record>(
                concat!("brainops.", stringify!($domain), ".", stringify!($record)),
                &mut checked,
            );)+)+
        };
    }
    check_all! {
        agent: BudgetExhausted, HealingCompleted, HealingDiagnosed, HealingEscalated, HealingSuspect, Message, TaskAbandoned, TaskCancelled, TaskCompleted, TaskFailed;
        business: MetricRecorded;
        deployment: DeploymentFailed, DeploymentRolledBack, DeploymentStarted, DeploymentSucceeded;
        git: BranchUpdated, CommitCreated, TagCreated;
        lead: DemoScheduled, LeadDiscovered, LeadDisqualified, LeadLost, LeadQualified, LeadWon;
        memory: Recorded;
        monitor: AlertFired, AlertResolved, ErrorRateNormal, HighErrorRate, IncidentAcknowledged, IncidentEscalated,
            IncidentJoined, IncidentOpened, IncidentResolved, SampleRecorded;
        outreach: OutreachBounced, OutreachReady, OutreachReplied, OutreachSent;
        privacy: KeyDestroyed, Sealed;
        projection: GenerationCreated, GenerationDropped, GenerationSwapped, RecordDismissed, Resumed, SubjectParked,
            SubjectRetried;
        saga: AgentsStarted, AgentsStopped, SagaCancelled, SagaDecision, SagaEnded, SagaLoopCut, SagaMoved, SagaParked, SagaPaused, SagaReacted, SagaRefusal, SagaResumed,
            SagaRetried, SagaStarted, SagaTimerCancelled, SagaTimerFired, SagaTimerSet, SagaUndoSkipped,
            SagaUndoStarted, SagaUndoSucceeded, SagaUnrouted, SagaWait;
        schema: Registered;
        tool: CallAuthorized, CallCompleted, CallDenied, CallFailed, CallRequested, CallStarted, CallUnknown;
        webhook: Received;
    }
    let all: BTreeSet<String> =
        Catalog::builtin().entries().iter().map(|entry| entry.name.to_string()).collect();
    assert_eq!(checked, all, "a schema without its round trip");
}

#[test]
fn the_bytes_are_those_of_the_avro_specification() {
    let qualified = types::lead::LeadQualified { lead_id: "l-1".to_owned(), score: Some(0.5), segment: None };
    let entry = Catalog::builtin().by_name("brainops.lead.LeadQualified").unwrap();
    let datum = encode_datum(&entry.fast, &qualified).unwrap();
    // length 3, "l-1"; branch 1, 0.5 as a double in little endian; branch 0
    assert_eq!(datum, [6, b'l', b'-', b'1', 2, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 0]);
    assert_eq!(frame(SchemaId::new(258), &datum)[..5], [0, 0, 0, 1, 2]);
}
