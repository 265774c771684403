//! Rows as the plain loops hold them: one vector per column, the last event of a key in place of those before.

use std::collections::HashMap;

use brainops_event::{Timestamp, timestamp_from_millis};
use sqlx::{PgConnection, Postgres};

use crate::event::{Line, Wire, decode};

/// One event, owned.
#[derive(Debug, Clone)]
pub(crate) struct Owned {
    pub(crate) subject: String,
    pub(crate) line: i32,
    event_id: String,
    seq: i64,
    occurred_at: Timestamp,
    amount: f64,
    price: f64,
    qty: i64,
    version: i64,
    status: String,
    currency: String,
    actor: String,
    note: String,
}

impl Owned {
    pub(crate) fn of(wire: &Wire<'_>) -> Self {
        Self {
            subject: wire.subject.to_owned(),
            line: wire.line,
            event_id: wire.event_id.to_owned(),
            seq: wire.seq,
            occurred_at: timestamp_from_millis(wire.occurred_at_millis).unwrap_or_default(),
            amount: wire.amount,
            price: wire.price,
            qty: wire.qty,
            version: wire.version,
            status: wire.status.to_owned(),
            currency: wire.currency.to_owned(),
            actor: wire.actor.to_owned(),
            note: wire.note.to_owned(),
        }
    }

    /// The row that an event leaves.
    pub(crate) fn of_line(line: &Line) -> Option<Self> {
        let mut datum = Vec::new();
        line.encode(&mut datum);
        decode(&datum).map(|wire| Self::of(&wire))
    }

    /// The row as a binary COPY has it.
    fn tuple(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&13_i16.to_be_bytes());
        let micros = self.occurred_at.timestamp_micros() - 946_684_800_000_000;
        field(out, self.subject.as_bytes());
        field(out, &self.line.to_be_bytes());
        field(out, self.event_id.as_bytes());
        field(out, &self.seq.to_be_bytes());
        field(out, &micros.to_be_bytes());
        field(out, &self.amount.to_be_bytes());
        field(out, &self.price.to_be_bytes());
        field(out, &self.qty.to_be_bytes());
        field(out, &self.version.to_be_bytes());
        field(out, self.status.as_bytes());
        field(out, self.currency.as_bytes());
        field(out, self.actor.as_bytes());
        field(out, self.note.as_bytes());
    }
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&i32::try_from(bytes.len()).unwrap_or(-1).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// The rows as one binary COPY.
pub(crate) fn copy_of(rows: &[Owned]) -> Vec<u8> {
    let mut out = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    rows.iter().for_each(|row| row.tuple(&mut out));
    out.extend_from_slice(&(-1_i16).to_be_bytes());
    out
}

/// The last row of each key, in the order of the keys.
pub(crate) fn fold(rows: Vec<Owned>) -> Vec<Owned> {
    let mut last: HashMap<(String, i32), Owned> = HashMap::with_capacity(rows.len());
    for row in rows {
        last.insert((row.subject.clone(), row.line), row);
    }
    let mut folded: Vec<Owned> = last.into_values().collect();
    folded.sort_unstable_by(|one, two| (&one.subject, one.line).cmp(&(&two.subject, two.line)));
    folded
}

/// The rows of each key one after another: the n-th wave has the n-th row of every key that has so many, for one
/// statement cannot change a row twice.
pub(crate) fn waves(rows: Vec<Owned>) -> Vec<Vec<Owned>> {
    let mut seen: HashMap<(String, i32), usize> = HashMap::new();
    let mut waves: Vec<Vec<Owned>> = Vec::new();
    for row in rows {
        let wave = seen.entry((row.subject.clone(), row.line)).or_default();
        if waves.len() == *wave {
            waves.push(Vec::new());
        }
        let place = *wave;
        *wave += 1;
        waves[place].push(row);
    }
    waves
}

/// One vector per column, ready to be bound.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    subject: Vec<String>,
    line: Vec<i32>,
    event_id: Vec<String>,
    seq: Vec<i64>,
    occurred_at: Vec<Timestamp>,
    amount: Vec<f64>,
    price: Vec<f64>,
    qty: Vec<i64>,
    version: Vec<i64>,
    status: Vec<String>,
    currency: Vec<String>,
    actor: Vec<String>,
    note: Vec<String>,
}

const UPSERT: &str = "INSERT INTO bench.line (subject, line, event_id, seq, occurred_at, amount, price, qty, version, status, currency, actor, note) \
    SELECT * FROM UNNEST($1::text[], $2::integer[], $3::text[], $4::bigint[], $5::timestamptz[], $6::double precision[], $7::double precision[], \
    $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[]) \
    ON CONFLICT (subject, line) DO UPDATE SET event_id = EXCLUDED.event_id, seq = EXCLUDED.seq, occurred_at = EXCLUDED.occurred_at, \
    amount = EXCLUDED.amount, price = EXCLUDED.price, qty = EXCLUDED.qty, version = EXCLUDED.version, status = EXCLUDED.status, \
    currency = EXCLUDED.currency, actor = EXCLUDED.actor, note = EXCLUDED.note";

impl Columns {
    pub(crate) fn of(rows: Vec<Owned>) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.subject.push(row.subject);
            columns.line.push(row.line);
            columns.event_id.push(row.event_id);
            columns.seq.push(row.seq);
            columns.occurred_at.push(row.occurred_at);
            columns.amount.push(row.amount);
            columns.price.push(row.price);
            columns.qty.push(row.qty);
            columns.version.push(row.version);
            columns.status.push(row.status);
            columns.currency.push(row.currency);
            columns.actor.push(row.actor);
            columns.note.push(row.note);
        }
        columns
    }

    /// Writes them in one statement.
    pub(crate) async fn upsert(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query::<Postgres>(UPSERT)
            .bind(&self.subject)
            .bind(&self.line)
            .bind(&self.event_id)
            .bind(&self.seq)
            .bind(&self.occurred_at)
            .bind(&self.amount)
            .bind(&self.price)
            .bind(&self.qty)
            .bind(&self.version)
            .bind(&self.status)
            .bind(&self.currency)
            .bind(&self.actor)
            .bind(&self.note)
            .execute(connection)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Generator, Kind};

    #[test]
    fn waves_hold_every_row_and_no_key_twice() {
        let generator = Generator::new(Kind::Zipf, 500);
        let rows: Vec<Owned> =
            (0..500).map(|number| Owned::of_line(&generator.line(number)).unwrap()).collect();
        let waves = waves(rows.clone());
        assert_eq!(waves.iter().map(Vec::len).sum::<usize>(), 500);
        for wave in &waves {
            assert_eq!(fold(wave.clone()).len(), wave.len());
        }
        assert_eq!(waves[0].len(), fold(rows).len());
    }
}
