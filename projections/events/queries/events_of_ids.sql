-- Where do events of these ids stand, and what do their envelopes say? Reads the index of identities once.
--
-- $1 text[]  ids
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
FROM events.identity AS i
JOIN events.event AS e
    ON e.topic = i.topic
    AND e.partition = i.partition
    AND e.log_offset = i.log_offset
    AND e.recorded_at = i.recorded_at
WHERE i.id = ANY ($1::text[])
ORDER BY e.recorded_at, e.topic, e.partition, e.log_offset
LIMIT $2::bigint
