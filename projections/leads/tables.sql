-- Tables of one generation of the read model `leads`. `{generation}` is the generation's schema.
-- A row belongs to one lead, which is one subject of the topic `lead`, and only that subject's events write it.

CREATE TABLE {generation}.lead (
    lead_id                  text        NOT NULL,
    stage                    text        NOT NULL CHECK (stage IN (
        'discovered', 'qualified', 'contacted', 'replied', 'demo', 'won', 'lost', 'disqualified'
    )),
    stage_entered_at         timestamptz NOT NULL,
    channel                  text,
    company                  text,
    name                     text,
    email                    text,
    score                    double precision,
    segment                  text,
    discovered_at            timestamptz,
    qualified_at             timestamptz,
    first_sent_at            timestamptz,
    first_replied_at         timestamptz,
    demo_scheduled_at        timestamptz,
    demo_at                  timestamptz,
    won_at                   timestamptz,
    lost_at                  timestamptz,
    disqualified_at          timestamptz,
    amount_minor             bigint,
    currency                 text,
    lost_reason_code         text,
    disqualified_reason_code text,
    outreach_ready_count     bigint      NOT NULL,
    outreach_sent_count      bigint      NOT NULL,
    outreach_replied_count   bigint      NOT NULL,
    outreach_bounced_count   bigint      NOT NULL,
    bounced_permanently      boolean     NOT NULL,
    first_happened_at        timestamptz NOT NULL,
    last_happened_at         timestamptz NOT NULL,
    changed_by_source        text        NOT NULL,
    changed_by_id            text        NOT NULL,
    changed_at_position      text        NOT NULL,
    PRIMARY KEY (lead_id)
);
CREATE INDEX ON {generation}.lead (last_happened_at, lead_id);

COMMENT ON TABLE {generation}.lead IS 'Leads. One row per lead, from lead.* and outreach.*; stage and times do not depend on the order in which the facts arrived.';
COMMENT ON COLUMN {generation}.lead.lead_id IS 'Opaque id of the lead.';
COMMENT ON COLUMN {generation}.lead.stage IS 'Where the lead stands: the last of won, lost and disqualified to happen if there is one, else the furthest of demo, replied, contacted, qualified and discovered.';
COMMENT ON COLUMN {generation}.lead.stage_entered_at IS 'When the fact behind the stage happened; for a lead whose discovery nobody told, when its first fact happened.';
COMMENT ON COLUMN {generation}.lead.channel IS 'Where the lead came from, such as conference or website; null when its discovery is not known.';
COMMENT ON COLUMN {generation}.lead.company IS 'Name of the company; null when unknown.';
COMMENT ON COLUMN {generation}.lead.name IS 'Name of the person, sealed: a token that only the key''s holder can open. Null when not given.';
COMMENT ON COLUMN {generation}.lead.email IS 'E-mail address of the person, sealed: a token that only the key''s holder can open. Null when not given.';
COMMENT ON COLUMN {generation}.lead.score IS 'Fit from 0 (none) to 1 (perfect), as last qualified; null when not given.';
COMMENT ON COLUMN {generation}.lead.segment IS 'Market segment, as last qualified; null when not given.';
COMMENT ON COLUMN {generation}.lead.discovered_at IS 'When the lead was first discovered.';
COMMENT ON COLUMN {generation}.lead.qualified_at IS 'When it was first qualified.';
COMMENT ON COLUMN {generation}.lead.first_sent_at IS 'When the first message went to it: the stage contacted.';
COMMENT ON COLUMN {generation}.lead.first_replied_at IS 'When it first answered: the stage replied.';
COMMENT ON COLUMN {generation}.lead.demo_scheduled_at IS 'When a demonstration was first agreed on: the stage demo.';
COMMENT ON COLUMN {generation}.lead.demo_at IS 'When the demonstration takes place, as agreed on last.';
COMMENT ON COLUMN {generation}.lead.won_at IS 'When it bought (the latest such fact).';
COMMENT ON COLUMN {generation}.lead.lost_at IS 'When it was lost (the latest such fact).';
COMMENT ON COLUMN {generation}.lead.disqualified_at IS 'When it was found not to fit (the latest such fact).';
COMMENT ON COLUMN {generation}.lead.amount_minor IS 'Contract value in minor units of the currency (cents), as last won; null when not given.';
COMMENT ON COLUMN {generation}.lead.currency IS 'ISO 4217 code of the currency of amount_minor.';
COMMENT ON COLUMN {generation}.lead.lost_reason_code IS 'Machine-readable reason of the last loss; null when not given.';
COMMENT ON COLUMN {generation}.lead.disqualified_reason_code IS 'Machine-readable reason of the last disqualification; null when not given.';
COMMENT ON COLUMN {generation}.lead.outreach_ready_count IS 'Number of messages drafted.';
COMMENT ON COLUMN {generation}.lead.outreach_sent_count IS 'Number of messages sent.';
COMMENT ON COLUMN {generation}.lead.outreach_replied_count IS 'Number of answers.';
COMMENT ON COLUMN {generation}.lead.outreach_bounced_count IS 'Number of messages that did not reach the lead.';
COMMENT ON COLUMN {generation}.lead.bounced_permanently IS 'True when a message bounced for good, so that trying again cannot help.';
COMMENT ON COLUMN {generation}.lead.first_happened_at IS 'When the earliest fact about this lead happened.';
COMMENT ON COLUMN {generation}.lead.last_happened_at IS 'When the latest fact about this lead happened.';
COMMENT ON COLUMN {generation}.lead.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.lead.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.lead.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.stage_entry (
    lead_id             text        NOT NULL,
    stage               text        NOT NULL CHECK (stage IN (
        'discovered', 'qualified', 'contacted', 'replied', 'demo', 'won', 'lost', 'disqualified'
    )),
    entered_at          timestamptz NOT NULL,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (lead_id, stage)
);

COMMENT ON TABLE {generation}.stage_entry IS 'When each lead reached each stage, whether or not it had been further by then: the matter of which the view stage_history is made. One row per lead and stage.';
COMMENT ON COLUMN {generation}.stage_entry.lead_id IS 'Opaque id of the lead.';
COMMENT ON COLUMN {generation}.stage_entry.stage IS 'discovered, qualified, contacted, replied, demo, won, lost or disqualified.';
COMMENT ON COLUMN {generation}.stage_entry.entered_at IS 'When the fact happened that means this stage: the earliest such fact, for won, lost and disqualified the latest.';
COMMENT ON COLUMN {generation}.stage_entry.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.stage_entry.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.stage_entry.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';
