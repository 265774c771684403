-- Which read models there are, and which generation of each is served.
CREATE TABLE IF NOT EXISTS brainops.generation (
    read_model   text        NOT NULL,
    generation   integer     NOT NULL CHECK (generation >= 1),
    fold_version integer     NOT NULL CHECK (fold_version >= 1),
    state        text        NOT NULL,
    -- Decides whether views are made again: they are when the text that makes them has changed.
    views_digest text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (read_model, generation)
);

CREATE UNIQUE INDEX IF NOT EXISTS generation_serving ON brainops.generation (read_model) WHERE state = 'serving';

COMMENT ON SCHEMA brainops IS 'Tables of the platform itself. Read models have schemas of their own.';
COMMENT ON TABLE brainops.generation IS 'One row per generation of a read model: a set of tables filled by one version of its fold.';
COMMENT ON COLUMN brainops.generation.read_model IS 'Name of the read model, and of the schema with its views.';
COMMENT ON COLUMN brainops.generation.generation IS 'Number of the generation, from 1; its tables are in the schema <read_model>_g<generation>.';
COMMENT ON COLUMN brainops.generation.fold_version IS 'Version of the fold that fills the generation.';
COMMENT ON COLUMN brainops.generation.state IS 'serving: the views read it.';
COMMENT ON COLUMN brainops.generation.views_digest IS 'SHA-256, hexadecimal, of the SQL that made the views.';
COMMENT ON COLUMN brainops.generation.created_at IS 'When the generation was made, by the clock of Postgres.';
