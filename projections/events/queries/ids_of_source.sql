-- Which ids has a source said, page by page in the order of the ids?
--
-- $1 text    source
-- $2 text    last id of the page before, or NULL for the first page
-- $3 bigint  most rows to return, at least 1
SELECT DISTINCT e.id    -- text
FROM events.event AS e
WHERE e.source = $1::text
    AND ($2::text IS NULL OR e.id > $2)
ORDER BY e.id
LIMIT $3::bigint
