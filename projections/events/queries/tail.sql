-- Which events were recorded last, the latest first?
--
-- $1 text         type, or NULL for all
-- $2 text         subject, or NULL for all
-- $3 text         source, or NULL for all
-- $4 text         full name of the topic, or NULL for all
-- $5 timestamptz  recorded_at of the last row of the page before, or NULL for the first page
-- $6 text         topic of that row
-- $7 integer      partition of that row
-- $8 bigint       log_offset of that row
-- $9 bigint       most rows to return, at least 1
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
    e.correlation_id,   -- text, nullable
    e.causation_id,     -- text, nullable
    e.schema_id,        -- int8, nullable
    e.schema_name,      -- text, nullable
    e.trust,            -- text, nullable
    e.auth_id           -- text, nullable
FROM events.event AS e
WHERE ($1::text IS NULL OR e.type = $1)
    AND ($2::text IS NULL OR e.subject = $2)
    AND ($3::text IS NULL OR e.source = $3)
    AND ($4::text IS NULL OR e.topic = $4)
    AND (
        $5::timestamptz IS NULL
        OR (e.recorded_at, e.topic, e.partition, e.log_offset) < ($5, $6::text, $7::integer, $8::bigint)
    )
ORDER BY e.recorded_at DESC, e.topic DESC, e.partition DESC, e.log_offset DESC
LIMIT $9::bigint
