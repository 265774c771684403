-- The clock that deadlines are compared with: one for all processes, and the same for the whole of a statement, so that an
-- index on deadlines can be used.
CREATE OR REPLACE FUNCTION brainops.saga_clock() RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    AS 'SELECT statement_timestamp()';

COMMENT ON FUNCTION brainops.saga_clock() IS 'Now, for the timers of sagas: the clock of Postgres.';
