-- Which events belong to one flow, that which began it among them, in the order in which they were recorded?
--
-- $1 text    correlation_id, which is the id of the first event unless somebody chose another
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
    e.causation_id,     -- text, nullable
    e.correlation_id    -- text, nullable
FROM (
    SELECT * FROM events.event WHERE correlation_id = $1::text
    UNION
    SELECT own.*
    FROM events.identity AS i
    JOIN events.event AS own
        ON own.topic = i.topic
        AND own.partition = i.partition
        AND own.log_offset = i.log_offset
        AND own.recorded_at = i.recorded_at
    WHERE i.id = $1::text
) AS e
ORDER BY e.recorded_at, e.topic, e.partition, e.log_offset
LIMIT $2::bigint
