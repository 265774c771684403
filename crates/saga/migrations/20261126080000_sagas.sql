-- Sagas: what each is between two inputs, what it has taken, what waits for it, its timers, and how far its agent is.

CREATE TABLE IF NOT EXISTS brainops.saga (
    agent         text        NOT NULL,
    correlation   text        NOT NULL,
    run           integer     NOT NULL,
    version       integer     NOT NULL,
    revision      bigint      NOT NULL, -- 0: a place that is kept for one that may begin in this transaction
    phase         text        NOT NULL,
    status        text        NOT NULL,
    state         json        NOT NULL, -- the text counts: its digest stands in the log
    book          json        NOT NULL,
    kept          integer     NOT NULL,
    last_input_at timestamptz NOT NULL,
    PRIMARY KEY (agent, correlation)
) WITH (fillfactor = 70);

CREATE INDEX IF NOT EXISTS saga_alive ON brainops.saga (agent, status, last_input_at) WHERE phase <> 'ended';

CREATE TABLE IF NOT EXISTS brainops.saga_inbox (
    input uuid NOT NULL PRIMARY KEY,
    agent text NOT NULL
);

CREATE TABLE IF NOT EXISTS brainops.saga_kept (
    agent       text   NOT NULL,
    correlation text   NOT NULL,
    number      bigint NOT NULL,
    input       json   NOT NULL,
    PRIMARY KEY (agent, correlation, number)
);

CREATE TABLE IF NOT EXISTS brainops.saga_timer (
    setting     text        NOT NULL PRIMARY KEY,
    agent       text        NOT NULL,
    correlation text        NOT NULL,
    run         integer     NOT NULL,
    name        text        NOT NULL,
    deadline    timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS saga_timer_due ON brainops.saga_timer (deadline);

CREATE TABLE IF NOT EXISTS brainops.saga_unrouted (
    agent         text        NOT NULL,
    topic         text        NOT NULL,
    partition     integer     NOT NULL,
    record_offset bigint      NOT NULL,
    reason_class  text        NOT NULL,
    code          text        NOT NULL,
    found_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (agent, topic, partition, record_offset)
);

CREATE TABLE IF NOT EXISTS brainops.saga_checkpoint (
    agent            text        NOT NULL,
    topic            text        NOT NULL,
    partition        integer     NOT NULL,
    topic_id         text        NOT NULL,
    next_offset      bigint      NOT NULL,
    epoch            bigint      NOT NULL,
    last_digest      bytea,
    last_recorded_at timestamptz,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (agent, topic, partition)
) WITH (fillfactor = 50);
