-- Which incidents were commanded, and how were they responded to, the latest first?
--
-- $1 text         service, or NULL for all
-- $2 text         status (open, acknowledged, resolved), or NULL for all
-- $3 timestamptz  opened_at of the last row of the page before, or NULL for the first page
-- $4 text         incident_id of that row
-- $5 bigint       most rows to return, at least 1
SELECT
    c.incident_id,            -- text
    c.status,                 -- text
    c.answer_to,              -- text
    c.service,                -- text, nullable
    c.opened_at,              -- timestamptz
    c.opened_by_alert_name,   -- text
    c.started_at,             -- timestamptz
    c.acknowledged_at,        -- timestamptz, nullable
    c.acknowledged_by,        -- text, nullable
    c.escalation_level,       -- int4
    c.resolved_at,            -- timestamptz, nullable
    c.ended_at,               -- timestamptz, nullable
    c.resolved_by,            -- text, nullable
    r.alerts,                 -- int8
    r.worst_severity,         -- text, nullable
    r.seconds_to_acknowledge, -- float8, nullable
    r.seconds_to_resolve      -- float8, nullable
FROM operations.incident_case AS c
JOIN operations.incident_response AS r ON r.incident_id = c.incident_id
WHERE c.opened_at IS NOT NULL -- one whose opening is not known stands nowhere in time
    AND ($1::text IS NULL OR c.service = $1)
    AND ($2::text IS NULL OR c.status = $2)
    AND ($3::timestamptz IS NULL OR (c.opened_at, c.incident_id) < ($3, $4::text))
ORDER BY c.opened_at DESC, c.incident_id DESC
LIMIT $5::bigint
