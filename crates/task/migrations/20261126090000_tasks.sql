-- Tasks: what the log says of each, who has it now, and how far the log is followed.

-- Each row is written some times while it is open: pages keep room for its next version, and no index holds what a claim
-- changes.
CREATE TABLE IF NOT EXISTS brainops.task (
    source          text        NOT NULL,
    id              text        NOT NULL,
    kind            text,        -- null: only what became of the task was read so far
    subject         text,
    correlation_id  text,
    priority        text,
    payload         text,
    recorded_at     timestamptz,
    topic           text,
    partition       integer,
    record_offset   bigint,
    turn_at         timestamptz,
    state           text        NOT NULL DEFAULT 'open',
    failures        integer     NOT NULL DEFAULT 0,
    retry_at        timestamptz,
    ended_at        timestamptz,
    ended_partition integer,
    ended_offset    bigint,
    -- what only this table knows
    epoch           bigint      NOT NULL DEFAULT 0,
    worker          text,
    ready_at        timestamptz NOT NULL DEFAULT 'epoch',
    lapses          integer     NOT NULL DEFAULT 0,
    PRIMARY KEY (source, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE INDEX IF NOT EXISTS task_turn ON brainops.task (kind, turn_at, source, id) WHERE state = 'open';

CREATE TABLE IF NOT EXISTS brainops.task_unreadable (
    topic         text    NOT NULL,
    partition     integer NOT NULL,
    record_offset bigint  NOT NULL,
    reason        text    NOT NULL,
    PRIMARY KEY (topic, partition, record_offset)
);

CREATE TABLE IF NOT EXISTS brainops.task_checkpoint (
    topic            text        NOT NULL,
    partition        integer     NOT NULL,
    topic_id         text        NOT NULL,
    next_offset      bigint      NOT NULL,
    epoch            bigint      NOT NULL,
    last_digest      bytea,
    last_recorded_at timestamptz,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);
