-- Which events stand in the log more than once and were counted each time? The one that was recorded last first.
--
-- $1 text    source, or NULL for all
-- $2 bigint  most rows to return, at least 1
SELECT
    r.source,               -- text
    r.id,                   -- text
    r.times,                -- int8
    r.partitions,           -- int8
    r.envelope_differs,     -- bool
    r.first_recorded_at,    -- timestamptz
    r.last_recorded_at,     -- timestamptz
    r.positions,            -- text[]
    r.recorded_at           -- timestamptz[]
FROM events.repeat AS r
WHERE $1::text IS NULL OR r.source = $1
ORDER BY r.last_recorded_at DESC, r.source, r.id
LIMIT $2::bigint
