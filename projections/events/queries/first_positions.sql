-- Where does each of these events stand first? Events that the index does not hold have no row.
--
-- $1 text[]  sources
-- $2 text[]  ids, one for each source
SELECT DISTINCT ON (e.source, e.id)
    e.source,           -- text
    e.id,               -- text
    e.topic,            -- text
    e.partition,        -- int4
    e.log_offset,       -- int8
    e.recorded_at       -- timestamptz
FROM unnest($1::text[], $2::text[]) AS asked (source, id)
JOIN events.event AS e ON e.source = asked.source AND e.id = asked.id
ORDER BY e.source, e.id, e.recorded_at, e.topic, e.partition, e.log_offset
