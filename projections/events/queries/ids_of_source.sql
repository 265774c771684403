-- Which ids has a source said, page by page in the order of the ids?
--
-- $1 text    source
-- $2 text    last id of the page before, or NULL for the first page
-- $3 bigint  most rows to return, at least 1
SELECT DISTINCT i.id    -- text
FROM events.identity AS i
WHERE i.source = $1::text
    AND ($2::text IS NULL OR i.id > $2)
ORDER BY i.id
LIMIT $3::bigint
