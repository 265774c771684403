CREATE TABLE {generation}.metric (
    subject             text             NOT NULL PRIMARY KEY,
    times               bigint           NOT NULL,
    total               double precision NOT NULL,
    units               text[]           NOT NULL,
    dimensions          jsonb            NOT NULL,
    is_negative         boolean          NOT NULL,
    last_partition      integer          NOT NULL,
    first_recorded_at   timestamptz      NOT NULL,
    last_happened_at    timestamptz,
    changed_by_source   text             NOT NULL,
    changed_by_id       text             NOT NULL,
    changed_at_position text             NOT NULL
);
CREATE TABLE {generation}.sample (
    partition           integer     NOT NULL,
    log_offset          bigint      NOT NULL,
    recorded_at         timestamptz NOT NULL,
    subject             text        NOT NULL,
    unit                text,
    names               text[]      NOT NULL,
    dimensions          jsonb       NOT NULL,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (partition, log_offset, recorded_at)
) PARTITION BY RANGE (recorded_at);
COMMENT ON TABLE {generation}.metric IS 'Figures of a subject, counted and summed; it''s one row each.';
COMMENT ON COLUMN {generation}.metric.subject IS 'The subject.';
COMMENT ON COLUMN {generation}.metric.times IS 'How many figures.';
COMMENT ON COLUMN {generation}.metric.total IS 'Their sum.';
COMMENT ON COLUMN {generation}.metric.units IS 'Their units, in the order in which they came.';
COMMENT ON COLUMN {generation}.metric.dimensions IS 'Dimensions of the last one.';
COMMENT ON COLUMN {generation}.metric.is_negative IS 'Whether the last one is below zero.';
COMMENT ON COLUMN {generation}.metric.last_partition IS 'Partition of the last one.';
COMMENT ON COLUMN {generation}.metric.first_recorded_at IS 'When the first was recorded.';
COMMENT ON COLUMN {generation}.metric.last_happened_at IS 'When the last happened, if it says so.';
COMMENT ON COLUMN {generation}.metric.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.metric.changed_by_id IS 'Id of that event.';
COMMENT ON COLUMN {generation}.metric.changed_at_position IS 'Position of that event.';
COMMENT ON TABLE {generation}.sample IS 'Every figure, by month.';
COMMENT ON COLUMN {generation}.sample.partition IS 'Its partition.';
COMMENT ON COLUMN {generation}.sample.log_offset IS 'Its offset.';
COMMENT ON COLUMN {generation}.sample.recorded_at IS 'When it was recorded.';
COMMENT ON COLUMN {generation}.sample.subject IS 'Its subject.';
COMMENT ON COLUMN {generation}.sample.unit IS 'Its unit, if not empty.';
COMMENT ON COLUMN {generation}.sample.names IS 'Names of its dimensions.';
COMMENT ON COLUMN {generation}.sample.dimensions IS 'Its dimensions.';
COMMENT ON COLUMN {generation}.sample.changed_by_source IS 'Source of the event.';
COMMENT ON COLUMN {generation}.sample.changed_by_id IS 'Id of the event.';
COMMENT ON COLUMN {generation}.sample.changed_at_position IS 'Position of the event.';
