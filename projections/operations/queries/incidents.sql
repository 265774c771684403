-- Which incidents were there, the latest first?
--
-- $1 text         service, or NULL for all
-- $2 boolean      true for unresolved ones only, false for resolved ones only, NULL for both
-- $3 timestamptz  started_at of the last row of the page before, or NULL for the first page
-- $4 text         incident_id of that row
-- $5 bigint       most rows to return, at least 1
SELECT
    i.incident_id,      -- text
    i.service,          -- text, nullable
    i.started_at,       -- timestamptz
    i.resolved_at,      -- timestamptz, null while an alert fires
    i.duration_seconds, -- float8, nullable
    i.alerts,           -- int8
    i.firing,           -- int8
    i.worst_severity,   -- text, nullable
    i.alert_names,      -- text[]
    i.environments      -- text[]
FROM operations.incident AS i
WHERE ($1::text IS NULL OR i.service = $1)
    AND ($2::boolean IS NULL OR (i.resolved_at IS NULL) = $2)
    AND ($3::timestamptz IS NULL OR (i.started_at, i.incident_id) < ($3, $4::text))
ORDER BY i.started_at DESC, i.incident_id DESC
LIMIT $5::bigint
