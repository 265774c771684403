-- Tables of one generation of the read model `events`. `{generation}` is the generation's schema.
-- A row belongs to one record of the log, and is never changed. `event` has no index on (source, id): `identity` is it.

CREATE TABLE {generation}.event (
    topic               text        NOT NULL,
    partition           integer     NOT NULL,
    log_offset          bigint      NOT NULL,
    recorded_at         timestamptz NOT NULL,
    source              text        NOT NULL,
    id                  text        NOT NULL,
    type                text        NOT NULL,
    subject             text        NOT NULL,
    happened_at         timestamptz NOT NULL,
    correlation_id      text,
    causation_id        text,
    schema_id           bigint,
    schema_name         text,
    trust               text,
    auth_id             text,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (topic, partition, log_offset, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX ON {generation}.event (recorded_at);
CREATE INDEX ON {generation}.event (correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX ON {generation}.event (subject, recorded_at);

COMMENT ON TABLE {generation}.event IS 'Index of every accepted event: where it stands and what its envelope says, never what it carries. One row per record that is no repeat within the 65,536 offsets before it; partitioned by month (UTC) of recorded_at.';
COMMENT ON COLUMN {generation}.event.topic IS 'Full name of the topic.';
COMMENT ON COLUMN {generation}.event.partition IS 'Number of the partition.';
COMMENT ON COLUMN {generation}.event.log_offset IS 'Offset of the record in its partition.';
COMMENT ON COLUMN {generation}.event.recorded_at IS 'When the log took the record.';
COMMENT ON COLUMN {generation}.event.source IS 'Who says that it happened: a URI reference. With id it names the event for ever.';
COMMENT ON COLUMN {generation}.event.id IS 'Id of the event within its source.';
COMMENT ON COLUMN {generation}.event.type IS 'What happened, such as lead.discovered.';
COMMENT ON COLUMN {generation}.event.subject IS 'What it happened to; also the key of the record.';
COMMENT ON COLUMN {generation}.event.happened_at IS 'When it happened; equals recorded_at when the sender did not say.';
COMMENT ON COLUMN {generation}.event.correlation_id IS 'Id of the flow that the event belongs to; null when not given.';
COMMENT ON COLUMN {generation}.event.causation_id IS 'Id of the event that caused this one; null when not given.';
COMMENT ON COLUMN {generation}.event.schema_id IS 'Id of the writer''s schema at the schema registry; null when the record is not Avro.';
COMMENT ON COLUMN {generation}.event.schema_name IS 'Full name of the writer''s record, such as brainops.lead.LeadDiscovered; null when the record is not Avro.';
COMMENT ON COLUMN {generation}.event.trust IS 'Where the content comes from: trusted, external or model; null when not given.';
COMMENT ON COLUMN {generation}.event.auth_id IS 'Opaque id of who sent it; null when not given.';
COMMENT ON COLUMN {generation}.event.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.event.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.event.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';

CREATE TABLE {generation}.identity (
    source      text        NOT NULL,
    id          text        NOT NULL,
    topic       text        NOT NULL,
    partition   integer     NOT NULL,
    log_offset  bigint      NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (source, id, topic, partition, log_offset)
) PARTITION BY HASH (source, id);
CREATE TABLE {generation}.identity_00 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 0);
CREATE TABLE {generation}.identity_01 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 1);
CREATE TABLE {generation}.identity_02 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 2);
CREATE TABLE {generation}.identity_03 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 3);
CREATE TABLE {generation}.identity_04 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 4);
CREATE TABLE {generation}.identity_05 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 5);
CREATE TABLE {generation}.identity_06 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 6);
CREATE TABLE {generation}.identity_07 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 7);
CREATE TABLE {generation}.identity_08 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 8);
CREATE TABLE {generation}.identity_09 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 9);
CREATE TABLE {generation}.identity_10 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 10);
CREATE TABLE {generation}.identity_11 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 11);
CREATE TABLE {generation}.identity_12 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 12);
CREATE TABLE {generation}.identity_13 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 13);
CREATE TABLE {generation}.identity_14 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 14);
CREATE TABLE {generation}.identity_15 PARTITION OF {generation}.identity FOR VALUES WITH (MODULUS 16, REMAINDER 15);

COMMENT ON TABLE {generation}.identity IS 'Where each identity stands: one row per row of event, in order of source and id whatever month it was recorded in; partitioned into 16 by hash. An identity with several rows was counted several times: see repeat.';
COMMENT ON COLUMN {generation}.identity.source IS 'Source of the event.';
COMMENT ON COLUMN {generation}.identity.id IS 'Id of the event within its source.';
COMMENT ON COLUMN {generation}.identity.topic IS 'Full name of the topic.';
COMMENT ON COLUMN {generation}.identity.partition IS 'Number of the partition.';
COMMENT ON COLUMN {generation}.identity.log_offset IS 'Offset of the record in its partition.';
COMMENT ON COLUMN {generation}.identity.recorded_at IS 'When the log took the record.';
