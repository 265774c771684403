-- Which of these ids has a source already said?
--
-- $1 text    source
-- $2 text[]  ids
SELECT DISTINCT e.id    -- text
FROM events.event AS e
WHERE e.source = $1::text
    AND e.id = ANY ($2::text[])
