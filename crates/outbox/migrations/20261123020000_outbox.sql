-- The way in: who said what, what is still to be sent, and who sends it.

CREATE SEQUENCE IF NOT EXISTS brainops.outbox_number AS bigint;

CREATE TABLE IF NOT EXISTS brainops.reservation (
    source      text        NOT NULL,
    id          text        NOT NULL,
    digest      bytea       NOT NULL,
    outbox_id   bigint,
    topic       text        NOT NULL,
    partition   integer     NOT NULL,
    log_offset  bigint,
    recorded_at timestamptz,
    PRIMARY KEY (source, id)
) PARTITION BY HASH (source, id);

DO $$
BEGIN
    FOR part IN 0..15 LOOP
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS brainops.reservation_%s PARTITION OF brainops.reservation
             FOR VALUES WITH (MODULUS 16, REMAINDER %s)', part, part);
        EXECUTE format(
            'COMMENT ON TABLE brainops.reservation_%s IS %L', part, 'A sixteenth of brainops.reservation.');
    END LOOP;
END
$$;

-- Each row is written three times: when it is queued, numbered and acknowledged. So it is narrow (what is sent
-- stands beside it, written once), pages keep room for the second version, and the only index besides the key
-- does not hold what numbering changes.
CREATE TABLE IF NOT EXISTS brainops.outbox (
    outbox_id   bigint      PRIMARY KEY,
    shard       smallint    NOT NULL,
    topic       text        NOT NULL,
    partition   integer     NOT NULL,
    bytes       integer     NOT NULL,
    send_no     bigint,
    epoch       bigint,
    log_offset  bigint,
    recorded_at timestamptz,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    acked_at    timestamptz
) WITH (
    fillfactor = 50,
    -- Dead versions lie where the relay looks for work: they go soon, however large the table is.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000
);

CREATE INDEX IF NOT EXISTS outbox_pending ON brainops.outbox (shard, outbox_id) WHERE log_offset IS NULL;

CREATE TABLE IF NOT EXISTS brainops.outbox_record (
    outbox_id bigint PRIMARY KEY,
    source    text   NOT NULL,
    id        text   NOT NULL,
    key       text   NOT NULL,
    headers   json   NOT NULL,
    value     bytea  NOT NULL
);

CREATE TABLE IF NOT EXISTS brainops.outbox_shard (
    shard        smallint    PRIMARY KEY,
    shards       smallint    NOT NULL CHECK (shards >= 1),
    holder       text,
    epoch        bigint      NOT NULL DEFAULT 0,
    lease_until  timestamptz NOT NULL DEFAULT '-infinity',
    renewed_at   timestamptz NOT NULL DEFAULT '-infinity',
    opened_epoch bigint      NOT NULL DEFAULT 0,
    CHECK (shard >= 0 AND shard < shards)
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS brainops.outbox_partition (
    topic             text     NOT NULL,
    topic_id          text     NOT NULL,
    partition         integer  NOT NULL,
    partitions        integer  NOT NULL,
    shard             smallint NOT NULL,
    next_send_no      bigint   NOT NULL DEFAULT 1,
    confirmed_send_no bigint   NOT NULL DEFAULT 0,
    read_through      bigint   NOT NULL,
    stopped_reason    text,
    stopped_at        timestamptz,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);
