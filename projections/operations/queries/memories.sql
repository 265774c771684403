-- What is remembered, the latest first?
--
-- $1 text     what it is about, or NULL for anything
-- $2 text     kind (fact, lesson or decision), or NULL for all
-- $3 text     a tag that it has, or NULL for any
-- $4 text     words that its text has, all of them, or NULL for any
-- $5 boolean  true to have what was replaced, too; NULL for false
-- $6 bigint   most rows to return, at least 1
SELECT
    m.about,         -- text
    m.memory_source, -- text
    m.memory_id,     -- text
    m.kind,          -- text
    m.text,          -- text
    m.tags,          -- jsonb array of strings
    m.told_by,       -- text
    m.told_at,       -- timestamptz
    m.replaced_by    -- text, nullable
FROM operations.memory AS m
WHERE ($1::text IS NULL OR m.about = $1)
    AND ($2::text IS NULL OR m.kind = $2)
    AND ($3::text IS NULL OR m.tags ? $3::text)
    AND ($4::text IS NULL OR to_tsvector('simple', m.text) @@ plainto_tsquery('simple', $4::text))
    AND (coalesce($5::boolean, false) OR m.replaced_by IS NULL)
ORDER BY m.told_at DESC, m.memory_id DESC
LIMIT $6::bigint
