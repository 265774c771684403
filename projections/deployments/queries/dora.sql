-- What are the four DORA figures over all time, per service and environment?
--
-- $1 text  service, or NULL for all
-- $2 text  environment, or NULL for all
SELECT
    d.service,                          -- text
    d.environment,                      -- text
    d.first_finished_at,                -- timestamptz, nullable
    d.last_finished_at,                 -- timestamptz, nullable
    d.weeks::bigint AS weeks,           -- int8, nullable
    d.finished,                         -- int8
    d.succeeded,                        -- int8
    d.failed,                           -- int8
    d.rolled_back,                      -- int8
    d.unknown_sha,                      -- int8
    d.deployments_per_week,             -- float8, nullable
    d.deployments_per_week_na_reason,   -- text, null exactly when the figure is there
    d.lead_time_median_seconds,         -- float8, nullable
    d.lead_time_commits,                -- int8
    d.lead_time_na_reason,              -- text, nullable
    d.failure_rate,                     -- float8 from 0 to 1, nullable
    d.failure_rate_na_reason,           -- text, nullable
    d.restore_median_seconds,           -- float8, nullable
    d.restored,                         -- int8
    d.restore_na_reason                 -- text, nullable
FROM deployments.dora AS d
WHERE ($1::text IS NULL OR d.service = $1)
    AND ($2::text IS NULL OR d.environment = $2)
ORDER BY d.service, d.environment
