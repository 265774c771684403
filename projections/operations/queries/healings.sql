-- Which deployments went wrong, and what was done about each, the latest first?
--
-- $1 text    service, or NULL for all
-- $2 text    environment, or NULL for all
-- $3 bigint  most rows to return, at least 1
SELECT
    h.service,                  -- text
    h.environment,              -- text
    h.deployment_id,            -- text
    h.state,                    -- text
    h.trouble,                  -- text, nullable
    h.sha,                      -- text, nullable
    h.good_sha,                 -- text, nullable
    h.culprit,                  -- text, nullable
    h.diagnosed_at,             -- timestamptz, nullable
    h.escalated_at,             -- timestamptz, nullable
    h.reason_code,              -- text, nullable
    h.healed_at,                -- timestamptz, nullable
    h.restored_deployment_id,   -- text, nullable
    h.restored_sha,             -- text, nullable
    h.verified_by,              -- text, nullable
    h.trouble_ms                -- int8, nullable
FROM operations.healing AS h
WHERE ($1::text IS NULL OR h.service = $1)
    AND ($2::text IS NULL OR h.environment = $2)
ORDER BY greatest(h.diagnosed_at, h.escalated_at, h.healed_at) DESC, h.service, h.environment, h.deployment_id
LIMIT $3::bigint
