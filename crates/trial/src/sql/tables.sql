CREATE TABLE {generation}.seen (
    partition           integer     NOT NULL,
    log_offset          bigint      NOT NULL,
    recorded_at         timestamptz NOT NULL,
    subject             text        NOT NULL,
    number              bigint      NOT NULL,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (partition, log_offset)
);
CREATE TABLE {generation}.chain (
    subject             text   NOT NULL PRIMARY KEY,
    times               bigint NOT NULL,
    sum                 bigint NOT NULL,
    link                text   NOT NULL,
    changed_by_source   text   NOT NULL,
    changed_by_id       text   NOT NULL,
    changed_at_position text   NOT NULL
);
COMMENT ON TABLE {generation}.seen IS 'Every event that counts, once.';
COMMENT ON COLUMN {generation}.seen.partition IS 'Its partition.';
COMMENT ON COLUMN {generation}.seen.log_offset IS 'Its offset.';
COMMENT ON COLUMN {generation}.seen.recorded_at IS 'When it was recorded.';
COMMENT ON COLUMN {generation}.seen.subject IS 'Its subject.';
COMMENT ON COLUMN {generation}.seen.number IS 'Its number, which no other event has.';
COMMENT ON COLUMN {generation}.seen.changed_by_source IS 'Its source.';
COMMENT ON COLUMN {generation}.seen.changed_by_id IS 'Its id.';
COMMENT ON COLUMN {generation}.seen.changed_at_position IS 'Its position.';
COMMENT ON TABLE {generation}.chain IS 'The events of a subject as a chain of hashes: their order is in it.';
COMMENT ON COLUMN {generation}.chain.subject IS 'The subject.';
COMMENT ON COLUMN {generation}.chain.times IS 'How many events.';
COMMENT ON COLUMN {generation}.chain.sum IS 'The sum of their numbers.';
COMMENT ON COLUMN {generation}.chain.link IS 'Hash of the link before and of the last event.';
COMMENT ON COLUMN {generation}.chain.changed_by_source IS 'Source of the last event.';
COMMENT ON COLUMN {generation}.chain.changed_by_id IS 'Id of the last event.';
COMMENT ON COLUMN {generation}.chain.changed_at_position IS 'Position of the last event.';
