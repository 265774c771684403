-- Calls of tools: what the log says of each, who does it now, and how far the log is followed.

CREATE TABLE IF NOT EXISTS brainops.tool_call (
    source           text        NOT NULL,
    id               text        NOT NULL,
    subject          text        NOT NULL,
    correlation_id   text,
    cause_path       text,
    caller_kind      text        NOT NULL,
    caller_name      text        NOT NULL,
    tool             text        NOT NULL,
    arguments        text,        -- null once it has ended
    recorded_at      timestamptz NOT NULL,
    topic            text        NOT NULL,
    partition        integer     NOT NULL,
    record_offset    bigint      NOT NULL,
    calls_this_hour  bigint      NOT NULL,
    state            text        NOT NULL DEFAULT 'waiting',
    started_attempt  integer,
    ended_at         timestamptz,
    -- what only this table knows
    attempt          integer     NOT NULL DEFAULT 0,
    epoch            bigint      NOT NULL DEFAULT 0,
    executor         text,
    PRIMARY KEY (source, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE INDEX IF NOT EXISTS tool_call_waiting ON brainops.tool_call (recorded_at, source, id) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS tool_call_claimed ON brainops.tool_call (executor) WHERE state = 'claimed';

-- How many calls each caller has asked for in an hour of the log.
CREATE TABLE IF NOT EXISTS brainops.tool_asked (
    caller text        NOT NULL,
    hour   timestamptz NOT NULL,
    calls  bigint      NOT NULL,
    PRIMARY KEY (caller, hour)
) WITH (fillfactor = 50);

-- Processes that do calls, and where each can be found to be ended.
CREATE TABLE IF NOT EXISTS brainops.tool_executor (
    executor      text        NOT NULL PRIMARY KEY,
    host          text        NOT NULL,
    boot          text        NOT NULL,
    pid_namespace text        NOT NULL,
    pid           integer     NOT NULL,
    start_ticks   bigint      NOT NULL,
    began_at      timestamptz NOT NULL DEFAULT now(),
    lease_until   timestamptz NOT NULL,
    ended_at      timestamptz
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS brainops.tool_unreadable (
    topic         text    NOT NULL,
    partition     integer NOT NULL,
    record_offset bigint  NOT NULL,
    reason        text    NOT NULL,
    PRIMARY KEY (topic, partition, record_offset)
);

CREATE TABLE IF NOT EXISTS brainops.tool_checkpoint (
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
