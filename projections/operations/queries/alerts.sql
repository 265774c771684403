-- Which alerts fired, the latest first?
--
-- $1 text         service, or NULL for all
-- $2 text         status (firing, resolved), or NULL for all
-- $3 timestamptz  starts_at of the last row of the page before, or NULL for the first page
-- $4 text         subject of that row
-- $5 bigint       most rows to return, at least 1
SELECT
    a.subject,              -- text
    a.starts_at,            -- timestamptz
    a.fingerprint,          -- text
    a.alert_name,           -- text
    a.service,              -- text, nullable
    a.environment,          -- text, nullable
    a.severity,             -- text, nullable
    a.labels,               -- jsonb object of strings
    a.ends_at,              -- timestamptz, nullable
    a.status,               -- text
    a.generator_url,        -- text, nullable
    a.changed_by_source,    -- text
    a.changed_by_id,        -- text
    a.changed_at_position   -- text
FROM operations.alert AS a
WHERE ($1::text IS NULL OR a.service = $1)
    AND ($2::text IS NULL OR a.status = $2)
    AND ($3::timestamptz IS NULL OR (a.starts_at, a.subject) < ($3, $4::text))
ORDER BY a.starts_at DESC, a.subject DESC
LIMIT $5::bigint
