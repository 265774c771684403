-- Which events belong to one flow, in the order in which they were recorded?
--
-- $1 text    correlation_id
-- $2 bigint  most rows to return, at least 1
SELECT
    e.topic,            -- text
    e.partition,        -- int4
    e.log_offset,       -- int8
    e.recorded_at,      -- timestamptz
    e.source,           -- text
    e.id,               -- text
    e.type,             -- text
    e.subject,          -- text
    e.happened_at,      -- timestamptz
    e.causation_id      -- text, nullable
FROM events.event AS e
WHERE e.correlation_id = $1::text
ORDER BY e.recorded_at, e.topic, e.partition, e.log_offset
LIMIT $2::bigint
