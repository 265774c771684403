-- Generations that are folded from history: what is to be folded, who works on which partition, which parts are done.
CREATE TABLE IF NOT EXISTS brainops.rebuild (
    read_model  text        NOT NULL,
    generation  integer     NOT NULL,
    state       text        NOT NULL CHECK (state IN ('running', 'paused', 'cancelled', 'failed', 'done')),
    reason      text,
    goal        jsonb       NOT NULL,
    happened_to timestamptz,
    base        integer,
    started_at  timestamptz NOT NULL DEFAULT now(),
    started_by  text        NOT NULL,
    folded_at   timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (read_model, generation)
);

COMMENT ON TABLE brainops.rebuild IS 'One row per generation that was or is folded from history.';
COMMENT ON COLUMN brainops.rebuild.read_model IS 'Name of the read model.';
COMMENT ON COLUMN brainops.rebuild.generation IS 'Number of the generation.';
COMMENT ON COLUMN brainops.rebuild.state IS 'running: who works may go on; paused: everybody stops where they are; cancelled or failed: it ends, and nothing serves from it; done: its rows are whole.';
COMMENT ON COLUMN brainops.rebuild.reason IS 'Why it is paused, cancelled or failed, in words.';
COMMENT ON COLUMN brainops.rebuild.goal IS 'The frontier up to which it is folded, with topic ids.';
COMMENT ON COLUMN brainops.rebuild.happened_to IS 'Only events that happened until then are folded; null: all.';
COMMENT ON COLUMN brainops.rebuild.base IS 'Number of the generation whose rows it began with, and is folded on from; null: folded from the beginning.';
COMMENT ON COLUMN brainops.rebuild.started_at IS 'When it was begun, by the clock of Postgres.';
COMMENT ON COLUMN brainops.rebuild.started_by IS 'The process that began it.';
COMMENT ON COLUMN brainops.rebuild.folded_at IS 'When the last partition was folded, by the clock of Postgres.';
COMMENT ON COLUMN brainops.rebuild.finished_at IS 'When it ended, one way or the other, by the clock of Postgres.';

CREATE TABLE IF NOT EXISTS brainops.rebuild_unit (
    read_model       text        NOT NULL,
    generation       integer     NOT NULL,
    topic            text        NOT NULL,
    partition        integer     NOT NULL,
    topic_id         text        NOT NULL,
    from_offset      bigint      NOT NULL,
    to_offset        bigint      NOT NULL,
    buckets          integer     NOT NULL CHECK (buckets >= 1),
    state            text        NOT NULL CHECK (state IN ('waiting', 'reading', 'folding', 'done')),
    read_to          bigint      NOT NULL,
    events           bigint      NOT NULL DEFAULT 0,
    last_digest      bytea,
    last_recorded_at timestamptz,
    worker           text,
    epoch            bigint      NOT NULL DEFAULT 0,
    lease_until      timestamptz,
    PRIMARY KEY (read_model, generation, topic, partition)
);

COMMENT ON TABLE brainops.rebuild_unit IS 'One row per partition of a rebuild: the piece of work that one process takes at a time.';
COMMENT ON COLUMN brainops.rebuild_unit.read_model IS 'Name of the read model.';
COMMENT ON COLUMN brainops.rebuild_unit.generation IS 'Number of the generation.';
COMMENT ON COLUMN brainops.rebuild_unit.topic IS 'Full name of the topic.';
COMMENT ON COLUMN brainops.rebuild_unit.partition IS 'Number of the partition.';
COMMENT ON COLUMN brainops.rebuild_unit.topic_id IS 'Id of the topic when the rebuild began.';
COMMENT ON COLUMN brainops.rebuild_unit.from_offset IS 'The first offset that is folded.';
COMMENT ON COLUMN brainops.rebuild_unit.to_offset IS 'The first offset that is not folded any more.';
COMMENT ON COLUMN brainops.rebuild_unit.buckets IS 'Into how many buckets its subjects are divided.';
COMMENT ON COLUMN brainops.rebuild_unit.state IS 'waiting; reading: its records are set aside by subject; folding: its buckets are folded; done.';
COMMENT ON COLUMN brainops.rebuild_unit.read_to IS 'How far it was read, for people.';
COMMENT ON COLUMN brainops.rebuild_unit.events IS 'How many events were folded.';
COMMENT ON COLUMN brainops.rebuild_unit.last_digest IS 'Digest of its last record.';
COMMENT ON COLUMN brainops.rebuild_unit.last_recorded_at IS 'When the log recorded its last record.';
COMMENT ON COLUMN brainops.rebuild_unit.worker IS 'The process that works on it.';
COMMENT ON COLUMN brainops.rebuild_unit.epoch IS 'Rises whenever somebody takes it; who holds an older one writes nothing.';
COMMENT ON COLUMN brainops.rebuild_unit.lease_until IS 'Until when nobody else takes it, by the clock of Postgres.';

CREATE TABLE IF NOT EXISTS brainops.rebuild_bucket (
    read_model text    NOT NULL,
    generation integer NOT NULL,
    topic      text    NOT NULL,
    partition  integer NOT NULL,
    bucket     integer NOT NULL,
    events     bigint  NOT NULL,
    rows       bigint  NOT NULL,
    PRIMARY KEY (read_model, generation, topic, partition, bucket)
);

COMMENT ON TABLE brainops.rebuild_bucket IS 'Buckets whose final rows are written; a bucket is written in the transaction that adds its row here.';
COMMENT ON COLUMN brainops.rebuild_bucket.read_model IS 'Name of the read model.';
COMMENT ON COLUMN brainops.rebuild_bucket.generation IS 'Number of the generation.';
COMMENT ON COLUMN brainops.rebuild_bucket.topic IS 'Full name of the topic.';
COMMENT ON COLUMN brainops.rebuild_bucket.partition IS 'Number of the partition.';
COMMENT ON COLUMN brainops.rebuild_bucket.bucket IS 'Number of the bucket, from 0.';
COMMENT ON COLUMN brainops.rebuild_bucket.events IS 'How many events were folded into it.';
COMMENT ON COLUMN brainops.rebuild_bucket.rows IS 'How many rows were written.';

CREATE TABLE IF NOT EXISTS brainops.rebuild_index (
    read_model text    NOT NULL,
    generation integer NOT NULL,
    step       integer NOT NULL,
    statement  text    NOT NULL,
    done       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (read_model, generation, step)
);

COMMENT ON TABLE brainops.rebuild_index IS 'Indexes and constraints that were taken off the tables of a rebuild, and are put back once the rows are there.';
COMMENT ON COLUMN brainops.rebuild_index.read_model IS 'Name of the read model.';
COMMENT ON COLUMN brainops.rebuild_index.generation IS 'Number of the generation.';
COMMENT ON COLUMN brainops.rebuild_index.step IS 'Its place in the order.';
COMMENT ON COLUMN brainops.rebuild_index.statement IS 'The statement that puts it back, as Postgres itself words it.';
COMMENT ON COLUMN brainops.rebuild_index.done IS 'Whether it is back.';
