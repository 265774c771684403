-- A generation that parks too much pauses itself, and only a person lets it go on.
ALTER TABLE brainops.generation
    ADD COLUMN IF NOT EXISTS local_version integer NOT NULL DEFAULT 1,
    ADD COLUMN IF NOT EXISTS pauses        integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS paused_at     timestamptz,
    ADD COLUMN IF NOT EXISTS paused_reason text,
    ADD COLUMN IF NOT EXISTS resumed_at    timestamptz;

COMMENT ON COLUMN brainops.generation.local_version IS 'Form of the tables checkpoint, parked and decision in the schema of the generation.';
COMMENT ON COLUMN brainops.generation.pauses IS 'How often it has paused; the number of the pause that holds, if one does.';
COMMENT ON COLUMN brainops.generation.paused_at IS 'Since when it is paused, by the clock of Postgres; null when it is not.';
COMMENT ON COLUMN brainops.generation.paused_reason IS 'Why it is paused, in words.';
COMMENT ON COLUMN brainops.generation.resumed_at IS 'When a person last let it go on, by the clock of Postgres.';
COMMENT ON COLUMN brainops.progress.reason_class IS 'Class of the failure: ProgressionOutOfOrder, TopicReplaced, RetentionPassed, RecordChanged, Paused, ApplyEvent, ShutDown, Interrupted, Other.';
