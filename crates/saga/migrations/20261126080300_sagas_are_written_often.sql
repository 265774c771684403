-- A row is written at each of its inputs: an index that held the time of the last one would have to be written each time,
-- and keep Postgres from writing the new version beside the old one.
DROP INDEX IF EXISTS brainops.saga_alive;

CREATE INDEX IF NOT EXISTS saga_living ON brainops.saga (agent, status) WHERE phase <> 'ended';

-- Timers that have fired lie where the next ones are looked for: they go soon, however many wait.
ALTER TABLE brainops.saga_timer SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000
);
ALTER TABLE brainops.saga_kept SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000
);
