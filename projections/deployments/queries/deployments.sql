-- Which deployments were there, the latest first?
--
-- $1 text         service, or NULL for all
-- $2 text         environment, or NULL for all
-- $3 text         status (started, succeeded, failed, rolled_back), or NULL for all
-- $4 timestamptz  happened_at of the last row of the page before, or NULL for the first page
-- $5 text         service of that row
-- $6 text         environment of that row
-- $7 text         deployment_id of that row
-- $8 bigint       most rows to return, at least 1
SELECT
    d.service,              -- text
    d.environment,          -- text
    d.deployment_id,        -- text
    d.repository,           -- text, nullable
    d.sha,                  -- text
    d.git_ref,              -- text, nullable
    d.url,                  -- text, nullable
    d.status,               -- text
    d.reason_code,          -- text, nullable
    d.started_at,           -- timestamptz, nullable
    d.finished_at,          -- timestamptz, nullable
    d.rolled_back_at,       -- timestamptz, nullable
    d.happened_at,          -- timestamptz
    extract(epoch FROM d.finished_at - d.started_at)::double precision AS duration_seconds, -- float8, nullable
    d.previous_sha,         -- text, nullable
    d.changed_by_source,    -- text
    d.changed_by_id,        -- text
    d.changed_at_position   -- text
FROM deployments.deployment AS d
WHERE ($1::text IS NULL OR d.service = $1)
    AND ($2::text IS NULL OR d.environment = $2)
    AND ($3::text IS NULL OR d.status = $3)
    AND (
        $4::timestamptz IS NULL
        OR (d.happened_at, d.service, d.environment, d.deployment_id) < ($4, $5::text, $6::text, $7::text)
    )
ORDER BY d.happened_at DESC, d.service DESC, d.environment DESC, d.deployment_id DESC
LIMIT $8::bigint
