-- What sagas no longer need goes: names in the inbox, and what ended sagas were.
ALTER TABLE brainops.saga_inbox ADD COLUMN IF NOT EXISTS passed_at timestamptz NOT NULL DEFAULT now();
-- Rows come in the order of this column and go in it: ranges of pages are enough to find the old ones.
CREATE INDEX IF NOT EXISTS saga_inbox_passed ON brainops.saga_inbox USING brin (passed_at) WITH (pages_per_range = 32);
COMMENT ON COLUMN brainops.saga_inbox.passed_at IS 'Since when the checkpoints are past the input; infinity: it was taken before its turn, which is to come. Some time later the row goes.';

ALTER TABLE brainops.saga ADD COLUMN IF NOT EXISTS ended_at timestamptz;
UPDATE brainops.saga SET ended_at = last_input_at WHERE phase = 'ended' AND ended_at IS NULL;
CREATE INDEX IF NOT EXISTS saga_ended ON brainops.saga (ended_at) WHERE ended_at IS NOT NULL;
COMMENT ON COLUMN brainops.saga.ended_at IS 'When it ended, as long as what it was is kept; null: it has not, or state and book were reduced to what the next one of this correlation needs.';

-- No index has a column that every step changes: a step writes the row and no index.
DROP INDEX IF EXISTS brainops.saga_alive;
CREATE INDEX IF NOT EXISTS saga_alive ON brainops.saga (agent, status) WHERE phase <> 'ended';
