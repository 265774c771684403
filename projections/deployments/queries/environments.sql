-- What serves in each environment, and what happened there last?
--
-- $1 text  service, or NULL for all
-- $2 text  environment, or NULL for all
SELECT
    e.service,                      -- text
    e.environment,                  -- text
    e.serving_sha,                  -- text, nullable
    e.serving_deployment_id,        -- text, nullable
    e.serving_since_at,             -- timestamptz, nullable
    e.last_succeeded_sha,           -- text, nullable
    e.last_succeeded_deployment_id, -- text, nullable
    e.last_succeeded_at,            -- timestamptz, nullable
    e.last_deployment_id,           -- text
    e.last_status,                  -- text
    e.last_happened_at,             -- timestamptz
    e.changed_by_source,            -- text
    e.changed_by_id,                -- text
    e.changed_at_position           -- text
FROM deployments.environment AS e
WHERE ($1::text IS NULL OR e.service = $1)
    AND ($2::text IS NULL OR e.environment = $2)
ORDER BY e.service, e.environment
