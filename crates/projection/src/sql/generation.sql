-- What every generation has besides the read model's own tables. Applied again to generations of an earlier form.
CREATE TABLE IF NOT EXISTS {generation}.checkpoint (
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

CREATE TABLE IF NOT EXISTS {generation}.parked (
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

ALTER TABLE {generation}.parked
    ADD COLUMN IF NOT EXISTS subject     text,
    ADD COLUMN IF NOT EXISTS last_offset bigint,
    ADD COLUMN IF NOT EXISTS held        bigint NOT NULL DEFAULT 1;

-- A subject of a partition is parked once: what comes behind its first record is counted, not copied.
CREATE UNIQUE INDEX IF NOT EXISTS parked_subject ON {generation}.parked (topic, partition, subject) WHERE subject IS NOT NULL;
CREATE INDEX IF NOT EXISTS parked_at ON {generation}.parked (parked_at);

CREATE TABLE IF NOT EXISTS {generation}.decision (
    topic           text        NOT NULL,
    partition       integer     NOT NULL,
    record_offset   bigint      NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('retry', 'dismiss', 'resume')),
    about_topic     text,
    about_partition integer,
    about_offset    bigint,
    pause           integer,
    decided_by      text        NOT NULL,
    reason          text        NOT NULL,
    recorded_at     timestamptz NOT NULL,
    state           text        NOT NULL CHECK (state IN ('pending', 'done', 'refused')),
    outcome         text,
    done_at         timestamptz,
    PRIMARY KEY (topic, partition, record_offset)
);
CREATE INDEX IF NOT EXISTS decision_pending ON {generation}.decision (about_topic, about_partition) WHERE state = 'pending';

COMMENT ON TABLE {generation}.checkpoint IS 'How far this generation has folded each partition; moves in the same transaction as the rows.';
COMMENT ON COLUMN {generation}.checkpoint.topic IS 'Full name of the topic.';
COMMENT ON COLUMN {generation}.checkpoint.partition IS 'Number of the partition.';
COMMENT ON COLUMN {generation}.checkpoint.topic_id IS 'Id of the topic when it was first followed; another id is another topic.';
COMMENT ON COLUMN {generation}.checkpoint.next_offset IS 'The first offset that is not folded.';
COMMENT ON COLUMN {generation}.checkpoint.epoch IS 'Rises with every takeover; who holds an older one writes nothing.';
COMMENT ON COLUMN {generation}.checkpoint.last_digest IS 'Digest of the last record that was folded, to see that the log still has it.';
COMMENT ON COLUMN {generation}.checkpoint.last_recorded_at IS 'When the log recorded the last record that was folded.';
COMMENT ON COLUMN {generation}.checkpoint.updated_at IS 'When this row was last written, by the clock of Postgres.';

COMMENT ON TABLE {generation}.parked IS 'What is not in the rows of this generation: of each subject named here, the first record that is held and all behind it; and records that are held alone.';
COMMENT ON COLUMN {generation}.parked.topic IS 'Full name of the topic.';
COMMENT ON COLUMN {generation}.parked.partition IS 'Number of the partition.';
COMMENT ON COLUMN {generation}.parked.record_offset IS 'Offset of the first record that is held.';
COMMENT ON COLUMN {generation}.parked.reason_code IS 'Class of the failure: ApplyEvent, EventSerialization, UnknownEventType; Misplaced: its key is not its subject, or its partition not that of its key.';
COMMENT ON COLUMN {generation}.parked.reason IS 'What was wrong, in words, without payload.';
COMMENT ON COLUMN {generation}.parked.event_source IS 'Source of the event, if the record names one.';
COMMENT ON COLUMN {generation}.parked.event_id IS 'Id of the event, if the record names one.';
COMMENT ON COLUMN {generation}.parked.recorded_at IS 'When the log recorded the first record.';
COMMENT ON COLUMN {generation}.parked.parked_at IS 'When it was set aside, by the clock of Postgres.';
COMMENT ON COLUMN {generation}.parked.subject IS 'The subject whose records are held; null when the one record is held alone.';
COMMENT ON COLUMN {generation}.parked.last_offset IS 'Offset of the last record that is held; null: the first one.';
COMMENT ON COLUMN {generation}.parked.held IS 'How many records are held, the first one included.';

COMMENT ON TABLE {generation}.decision IS 'What people decided and this generation carries out, as the topic projection says, and what became of it.';
COMMENT ON COLUMN {generation}.decision.topic IS 'Full name of the topic of the decision''s own event.';
COMMENT ON COLUMN {generation}.decision.partition IS 'Partition of the decision''s own event.';
COMMENT ON COLUMN {generation}.decision.record_offset IS 'Offset of the decision''s own event.';
COMMENT ON COLUMN {generation}.decision.kind IS 'retry: fold what is held; dismiss: leave the first record out for good and fold the rest; resume: end a pause.';
COMMENT ON COLUMN {generation}.decision.about_topic IS 'Topic of the parked record; null for resume.';
COMMENT ON COLUMN {generation}.decision.about_partition IS 'Partition of the parked record; null for resume.';
COMMENT ON COLUMN {generation}.decision.about_offset IS 'Offset of the parked record; null for resume.';
COMMENT ON COLUMN {generation}.decision.pause IS 'Number of the pause that is to end; null but for resume.';
COMMENT ON COLUMN {generation}.decision.decided_by IS 'Opaque id of who decided.';
COMMENT ON COLUMN {generation}.decision.reason IS 'Why, in their words.';
COMMENT ON COLUMN {generation}.decision.recorded_at IS 'When the log recorded the decision.';
COMMENT ON COLUMN {generation}.decision.state IS 'pending, done, or refused: then it had no effect.';
COMMENT ON COLUMN {generation}.decision.outcome IS 'What became of it, in words.';
COMMENT ON COLUMN {generation}.decision.done_at IS 'When it was carried out or refused, by the clock of Postgres.';
