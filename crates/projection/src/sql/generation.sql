-- What every generation has besides the read model's own tables.
CREATE TABLE {generation}.checkpoint (
    topic            text        NOT NULL,
    partition        integer     NOT NULL,
    topic_id         text        NOT NULL,
    next_offset      bigint      NOT NULL CHECK (next_offset >= 0),
    epoch            bigint      NOT NULL CHECK (epoch >= 1),
    last_digest      bytea,
    last_recorded_at timestamptz,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
);

CREATE TABLE {generation}.parked (
    topic         text        NOT NULL,
    partition     integer     NOT NULL,
    record_offset bigint      NOT NULL,
    reason_code   text        NOT NULL,
    reason        text        NOT NULL,
    event_source  text,
    event_id      text,
    recorded_at   timestamptz NOT NULL,
    parked_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, record_offset)
);

COMMENT ON TABLE {generation}.checkpoint IS 'How far this generation has folded each partition; moves in the same transaction as the rows.';
COMMENT ON COLUMN {generation}.checkpoint.topic IS 'Full name of the topic.';
COMMENT ON COLUMN {generation}.checkpoint.partition IS 'Number of the partition.';
COMMENT ON COLUMN {generation}.checkpoint.topic_id IS 'Id of the topic when it was first followed; another id is another topic.';
COMMENT ON COLUMN {generation}.checkpoint.next_offset IS 'The first offset that is not folded.';
COMMENT ON COLUMN {generation}.checkpoint.epoch IS 'Rises with every takeover; who holds an older one writes nothing.';
COMMENT ON COLUMN {generation}.checkpoint.last_digest IS 'Digest of the last record that was folded, to see that the log still has it.';
COMMENT ON COLUMN {generation}.checkpoint.last_recorded_at IS 'When the log recorded the last record that was folded.';
COMMENT ON COLUMN {generation}.checkpoint.updated_at IS 'When this row was last written, by the clock of Postgres.';

COMMENT ON TABLE {generation}.parked IS 'Records that were set aside: they are not in the rows of this generation.';
COMMENT ON COLUMN {generation}.parked.topic IS 'Full name of the topic.';
COMMENT ON COLUMN {generation}.parked.partition IS 'Number of the partition.';
COMMENT ON COLUMN {generation}.parked.record_offset IS 'Offset of the record.';
COMMENT ON COLUMN {generation}.parked.reason_code IS 'misplaced: its key is not its subject, or its partition not that of its key.';
COMMENT ON COLUMN {generation}.parked.reason IS 'What was wrong, in words.';
COMMENT ON COLUMN {generation}.parked.event_source IS 'Source of the event, if the record names one.';
COMMENT ON COLUMN {generation}.parked.event_id IS 'Id of the event, if the record names one.';
COMMENT ON COLUMN {generation}.parked.recorded_at IS 'When the log recorded it.';
COMMENT ON COLUMN {generation}.parked.parked_at IS 'When it was set aside, by the clock of Postgres.';
