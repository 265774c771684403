-- Several generations of a read model side by side: one that serves, others that are built, kept to go back to, or
-- made to look at a past moment.
ALTER TABLE brainops.generation
    ADD COLUMN IF NOT EXISTS kind          text NOT NULL DEFAULT 'lineage',
    ADD COLUMN IF NOT EXISTS derived_views text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS ready_at      timestamptz,
    ADD COLUMN IF NOT EXISTS ready_xid     xid8,
    ADD COLUMN IF NOT EXISTS served_at     timestamptz,
    ADD COLUMN IF NOT EXISTS replaced_at   timestamptz,
    ADD COLUMN IF NOT EXISTS expires_at    timestamptz,
    ADD COLUMN IF NOT EXISTS moment        jsonb,
    ADD COLUMN IF NOT EXISTS made_by       text;

UPDATE brainops.generation
   SET ready_at = created_at, served_at = created_at
 WHERE state = 'serving'
   AND ready_at IS NULL;

COMMENT ON COLUMN brainops.generation.generation IS 'Number of the generation, from 1, unique within the read model; its tables are in the schema <read_model>_g<generation>, of a past moment in <read_model>_asof_<generation>, of a check in <read_model>_verify_<generation>.';
COMMENT ON COLUMN brainops.generation.state IS 'building: its rows are not whole yet; ready: whole, and followed if its kind is lineage; serving: ready, and the views read it; dropping: its schema is being removed.';
COMMENT ON COLUMN brainops.generation.kind IS 'lineage: it serves, has served or is to serve; moment: it holds one past moment; check: it was folded to be compared.';
COMMENT ON COLUMN brainops.generation.derived_views IS 'SQL of the derived views that belong to this version of the fold, so that any program can point the views at this generation.';
COMMENT ON COLUMN brainops.generation.ready_at IS 'When its rows were first whole, by the clock of Postgres; null while it is built.';
COMMENT ON COLUMN brainops.generation.ready_xid IS 'Transaction that made it ready: a snapshot that is older may not see all of its rows.';
COMMENT ON COLUMN brainops.generation.served_at IS 'When the views were last pointed at it, by the clock of Postgres; null when never.';
COMMENT ON COLUMN brainops.generation.replaced_at IS 'When the views were last pointed away from it, by the clock of Postgres.';
COMMENT ON COLUMN brainops.generation.expires_at IS 'When a generation of a past moment may be dropped; null: it is kept.';
COMMENT ON COLUMN brainops.generation.moment IS 'What a generation of a past moment holds: how it was asked for, by which clock, and the frontier that this came to.';
COMMENT ON COLUMN brainops.generation.made_by IS 'Opaque id of who asked for it; null when the program made it by itself.';
