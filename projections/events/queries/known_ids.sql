-- Which of these ids has a source already said?
--
-- $1 text    source
-- $2 text[]  ids
SELECT DISTINCT i.id    -- text
FROM unnest($2::text[]) AS asked (id)
JOIN events.identity AS i ON i.source = $1::text AND i.id = asked.id
