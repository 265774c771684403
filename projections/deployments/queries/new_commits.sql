-- Which commits did one deployment bring in, the latest first? No rows also when it did not succeed.
--
-- $1 text    service
-- $2 text    environment
-- $3 text    deployment_id
-- $4 bigint  most rows to return, at least 1
SELECT
    n.repository,           -- text
    n.sha,                  -- text
    n.committed_at,         -- timestamptz
    n.lead_time_seconds,    -- float8
    n.is_first              -- bool
FROM deployments.new_commits AS n
WHERE n.service = $1::text
    AND n.environment = $2::text
    AND n.deployment_id = $3::text
ORDER BY n.committed_at DESC, n.sha
LIMIT $4::bigint
