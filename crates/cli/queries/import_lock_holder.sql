-- Who holds the lock of a source?
--
-- $1 text  source
WITH lock_key AS (
    SELECT hashtextextended('brainops.import.' || $1, 0) AS value
)
SELECT
    a.application_name, -- text: what the holder calls itself
    a.backend_start     -- timestamptz: since when it is connected
FROM lock_key AS k
JOIN pg_locks AS l
    -- a lock on one 64-bit number shows as its two halves
    ON l.classid = ((k.value >> 32) & 4294967295)::oid
    AND l.objid = (k.value & 4294967295)::oid
    AND l.objsubid = 1
JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory'
    AND l.granted
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
