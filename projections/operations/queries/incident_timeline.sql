-- What happened to an incident, in order?
--
-- $1 text  incident_id
SELECT
    t.position,        -- int4, from 1
    t.happened_at,     -- timestamptz
    t.kind,            -- text
    t.alert,           -- text, nullable
    t.alert_starts_at, -- timestamptz, nullable
    t.alert_name,      -- text, nullable
    t.environment,     -- text, nullable
    t.severity,        -- text, nullable
    t.level,           -- int4, nullable
    t.person           -- text, nullable
FROM operations.incident_timeline AS t
WHERE t.incident_id = $1
ORDER BY t.position
