//! A lead as a row.

use brainops_event::Timestamp;
use brainops_projection::{Changed, Column, ColumnType, Row, RowWriter, Table, WriteMode};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::milestones::Milestones;
use crate::read::parsed;
use crate::stage::Stage;

/// Opaque id of a lead: the subject of its events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeadId(pub String);

/// A lead.
#[derive(Debug, Clone, PartialEq)]
pub struct LeadRow {
    /// Opaque id of the lead.
    pub lead_id: LeadId,
    /// Where it stands.
    pub stage: Stage,
    /// When the fact behind the stage happened.
    pub stage_entered_at: Timestamp,
    /// Where it came from.
    pub channel: Option<String>,
    /// Name of the company.
    pub company: Option<String>,
    /// Name of the person, a sealed token.
    pub name: Option<String>,
    /// E-mail address of the person, a sealed token.
    pub email: Option<String>,
    /// Fit from 0 to 1.
    pub score: Option<f64>,
    /// Market segment.
    pub segment: Option<String>,
    /// When it reached each stage.
    pub milestones: Milestones,
    /// When the demonstration takes place.
    pub demo_at: Option<Timestamp>,
    /// Contract value in minor units of the currency.
    pub amount_minor: Option<i64>,
    /// ISO 4217 code.
    pub currency: Option<String>,
    /// Reason of the last loss.
    pub lost_reason_code: Option<String>,
    /// Reason of the last disqualification.
    pub disqualified_reason_code: Option<String>,
    /// What was said to it.
    pub outreach: OutreachCounts,
    /// When the earliest fact happened.
    pub first_happened_at: Timestamp,
    /// When the latest fact happened.
    pub last_happened_at: Timestamp,
    /// The event that last changed the row.
    pub changed: Changed,
}

/// How often something was said to a lead, or by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutreachCounts {
    /// Messages drafted.
    pub ready: i64,
    /// Messages sent.
    pub sent: i64,
    /// Answers.
    pub replied: i64,
    /// Messages that did not reach it.
    pub bounced: i64,
    /// Whether one of them bounced for good.
    pub bounced_permanently: bool,
}

impl LeadRow {
    /// A lead of which nothing but a moment is known.
    pub(crate) fn unheard_of(lead_id: LeadId, at: Timestamp, changed: Changed) -> Self {
        Self {
            lead_id,
            stage: Stage::Discovered,
            stage_entered_at: at,
            channel: None,
            company: None,
            name: None,
            email: None,
            score: None,
            segment: None,
            milestones: Milestones::default(),
            demo_at: None,
            amount_minor: None,
            currency: None,
            lost_reason_code: None,
            disqualified_reason_code: None,
            outreach: OutreachCounts::default(),
            first_happened_at: at,
            last_happened_at: at,
            changed,
        }
    }

    /// Takes the moment of a fact, and lets the stage follow from the milestones.
    pub(crate) fn settle(&mut self, at: Timestamp, changed: Changed) {
        self.first_happened_at = self.first_happened_at.min(at);
        self.last_happened_at = self.last_happened_at.max(at);
        (self.stage, self.stage_entered_at) =
            self.milestones.current().unwrap_or((Stage::Discovered, self.first_happened_at));
        self.changed = changed;
    }
}

const COLUMNS: &[Column] = &[
    Column::required("lead_id", ColumnType::Text),
    Column::required("stage", ColumnType::Text),
    Column::required("stage_entered_at", ColumnType::Timestamptz),
    Column::optional("channel", ColumnType::Text),
    Column::optional("company", ColumnType::Text),
    Column::optional("name", ColumnType::Text),
    Column::optional("email", ColumnType::Text),
    Column::optional("score", ColumnType::Float8),
    Column::optional("segment", ColumnType::Text),
    Column::optional("discovered_at", ColumnType::Timestamptz),
    Column::optional("qualified_at", ColumnType::Timestamptz),
    Column::optional("first_sent_at", ColumnType::Timestamptz),
    Column::optional("first_replied_at", ColumnType::Timestamptz),
    Column::optional("demo_scheduled_at", ColumnType::Timestamptz),
    Column::optional("demo_at", ColumnType::Timestamptz),
    Column::optional("won_at", ColumnType::Timestamptz),
    Column::optional("lost_at", ColumnType::Timestamptz),
    Column::optional("disqualified_at", ColumnType::Timestamptz),
    Column::optional("amount_minor", ColumnType::Int8),
    Column::optional("currency", ColumnType::Text),
    Column::optional("lost_reason_code", ColumnType::Text),
    Column::optional("disqualified_reason_code", ColumnType::Text),
    Column::required("outreach_ready_count", ColumnType::Int8),
    Column::required("outreach_sent_count", ColumnType::Int8),
    Column::required("outreach_replied_count", ColumnType::Int8),
    Column::required("outreach_bounced_count", ColumnType::Int8),
    Column::required("bounced_permanently", ColumnType::Bool),
    Column::required("first_happened_at", ColumnType::Timestamptz),
    Column::required("last_happened_at", ColumnType::Timestamptz),
    Changed::SOURCE,
    Changed::ID,
    Changed::POSITION,
];

impl Row for LeadRow {
    const TABLE: &'static Table = &Table {
        name: "lead",
        columns: COLUMNS,
        key_columns: 1,
        mode: WriteMode::Upsert,
        month_partitioned_by: None,
    };

    type Key = LeadId;

    fn key(&self) -> LeadId {
        self.lead_id.clone()
    }

    fn write_key(key: &LeadId, out: &mut RowWriter) {
        out.put(&key.0);
    }

    fn write(&self, out: &mut RowWriter) {
        let milestones = &self.milestones;
        out.put(&self.lead_id.0)
            .put(self.stage.as_str())
            .put(&self.stage_entered_at)
            .put(&self.channel)
            .put(&self.company)
            .put(&self.name)
            .put(&self.email)
            .put(&self.score)
            .put(&self.segment)
            .put(&milestones.discovered_at)
            .put(&milestones.qualified_at)
            .put(&milestones.first_sent_at)
            .put(&milestones.first_replied_at)
            .put(&milestones.demo_scheduled_at)
            .put(&self.demo_at)
            .put(&milestones.won_at)
            .put(&milestones.lost_at)
            .put(&milestones.disqualified_at)
            .put(&self.amount_minor)
            .put(&self.currency)
            .put(&self.lost_reason_code)
            .put(&self.disqualified_reason_code)
            .put(&self.outreach.ready)
            .put(&self.outreach.sent)
            .put(&self.outreach.replied)
            .put(&self.outreach.bounced)
            .put(&self.outreach.bounced_permanently)
            .put(&self.first_happened_at)
            .put(&self.last_happened_at);
        self.changed.write(out);
    }

    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            lead_id: LeadId(row.try_get("lead_id")?),
            stage: parsed(row, "stage")?,
            stage_entered_at: row.try_get("stage_entered_at")?,
            channel: row.try_get("channel")?,
            company: row.try_get("company")?,
            name: row.try_get("name")?,
            email: row.try_get("email")?,
            score: row.try_get("score")?,
            segment: row.try_get("segment")?,
            milestones: read_milestones(row)?,
            demo_at: row.try_get("demo_at")?,
            amount_minor: row.try_get("amount_minor")?,
            currency: row.try_get("currency")?,
            lost_reason_code: row.try_get("lost_reason_code")?,
            disqualified_reason_code: row.try_get("disqualified_reason_code")?,
            outreach: read_outreach(row)?,
            first_happened_at: row.try_get("first_happened_at")?,
            last_happened_at: row.try_get("last_happened_at")?,
            changed: Changed::read(row)?,
        })
    }
}

fn read_milestones(row: &PgRow) -> Result<Milestones, sqlx::Error> {
    Ok(Milestones {
        discovered_at: row.try_get("discovered_at")?,
        qualified_at: row.try_get("qualified_at")?,
        first_sent_at: row.try_get("first_sent_at")?,
        first_replied_at: row.try_get("first_replied_at")?,
        demo_scheduled_at: row.try_get("demo_scheduled_at")?,
        won_at: row.try_get("won_at")?,
        lost_at: row.try_get("lost_at")?,
        disqualified_at: row.try_get("disqualified_at")?,
    })
}

fn read_outreach(row: &PgRow) -> Result<OutreachCounts, sqlx::Error> {
    Ok(OutreachCounts {
        ready: row.try_get("outreach_ready_count")?,
        sent: row.try_get("outreach_sent_count")?,
        replied: row.try_get("outreach_replied_count")?,
        bounced: row.try_get("outreach_bounced_count")?,
        bounced_permanently: row.try_get("bounced_permanently")?,
    })
}
