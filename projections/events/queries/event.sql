-- Where does an event stand, and what does its envelope say? More than one row when the log has it again much later.
--
-- $1 text  source
-- $2 text  id
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
FROM events.identity AS i
JOIN events.event AS e
    ON e.topic = i.topic
    AND e.partition = i.partition
    AND e.log_offset = i.log_offset
    AND e.recorded_at = i.recorded_at
WHERE i.source = $1::text
    AND i.id = $2::text
ORDER BY e.recorded_at, e.topic, e.partition, e.log_offset
