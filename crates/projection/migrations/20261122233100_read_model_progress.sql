-- How far each read model is, written every second by whoever follows the partition. It can be read when that
-- process is dead: then the heartbeat is old, and the reason says why if there was one.
CREATE TABLE IF NOT EXISTS brainops.progress (
    read_model     text             NOT NULL,
    generation     integer          NOT NULL,
    topic          text             NOT NULL,
    partition      integer          NOT NULL,
    instance       text             NOT NULL,
    epoch          bigint           NOT NULL,
    state          text             NOT NULL CHECK (state IN ('running', 'stopped')),
    reason_class   text,
    reason         text,
    at_position    text,
    next_offset    bigint           NOT NULL,
    log_end_offset bigint,
    lag_offsets    bigint,
    lag_seconds    double precision,
    heartbeat_at   timestamptz      NOT NULL,
    PRIMARY KEY (read_model, generation, topic, partition)
);

COMMENT ON TABLE brainops.progress IS 'One row per partition that a generation follows: how far it is, and why it stands if it does.';
COMMENT ON COLUMN brainops.progress.read_model IS 'Name of the read model.';
COMMENT ON COLUMN brainops.progress.generation IS 'Number of the generation.';
COMMENT ON COLUMN brainops.progress.topic IS 'Full name of the topic.';
COMMENT ON COLUMN brainops.progress.partition IS 'Number of the partition.';
COMMENT ON COLUMN brainops.progress.instance IS 'The process that follows the partition.';
COMMENT ON COLUMN brainops.progress.epoch IS 'How often the partition was taken over; an older owner cannot overwrite a newer one.';
COMMENT ON COLUMN brainops.progress.state IS 'running, or stopped: then reason_class and reason say why.';
COMMENT ON COLUMN brainops.progress.reason_class IS 'Class of the failure: ApplyEvent, EventSerialization, UnknownEventType, ProgressionOutOfOrder, TopicReplaced, RetentionPassed, RecordChanged, ShutDown, Interrupted, Other.';
COMMENT ON COLUMN brainops.progress.reason IS 'The failure in words, without payload.';
COMMENT ON COLUMN brainops.progress.at_position IS 'The record that could not be folded, as topic/partition@offset.';
COMMENT ON COLUMN brainops.progress.next_offset IS 'The first offset that is not applied.';
COMMENT ON COLUMN brainops.progress.log_end_offset IS 'The end of the log when it was last seen: the offset that the next record gets.';
COMMENT ON COLUMN brainops.progress.lag_offsets IS 'log_end_offset minus next_offset; an upper bound on the records not yet applied.';
COMMENT ON COLUMN brainops.progress.lag_seconds IS 'Age in seconds of the first record that is not applied; 0 at the end of the log.';
COMMENT ON COLUMN brainops.progress.heartbeat_at IS 'When this row was written, by the clock of Postgres; older than some seconds: the process is gone.';
