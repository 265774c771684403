-- Where do events of this id stand first, by source?
--
-- $1 text  id
-- $2 text  source, or NULL for all
SELECT DISTINCT ON (i.source)
    i.source,           -- text
    i.topic,            -- text
    i.partition,        -- int4
    i.log_offset,       -- int8
    i.recorded_at       -- timestamptz
FROM events.identity AS i
WHERE i.id = $1::text
    AND ($2::text IS NULL OR i.source = $2)
ORDER BY i.source, i.recorded_at, i.topic, i.partition, i.log_offset
