-- Where does each of these events stand first? Events that the index does not hold have no row.
--
-- $1 text[]  sources
-- $2 text[]  ids, one for each source
SELECT DISTINCT ON (i.source, i.id)
    i.source,           -- text
    i.id,               -- text
    i.topic,            -- text
    i.partition,        -- int4
    i.log_offset,       -- int8
    i.recorded_at       -- timestamptz
FROM unnest($1::text[], $2::text[]) AS asked (source, id)
JOIN events.identity AS i ON i.source = asked.source AND i.id = asked.id
ORDER BY i.source, i.id, i.recorded_at, i.topic, i.partition, i.log_offset
