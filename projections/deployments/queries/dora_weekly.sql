-- What are the four DORA figures week by week, per service and environment, the latest week first?
--
-- $1 text    service, or NULL for all
-- $2 text    environment, or NULL for all
-- $3 date    first week wanted (any day of it), or NULL for no bound
-- $4 date    last week wanted (any day of it), or NULL for no bound
-- $5 bigint  most rows to return, at least 1
SELECT
    w.service,                          -- text
    w.environment,                      -- text
    w.week,                             -- date, the Monday
    w.iso_week,                         -- text, such as 2026-W05
    w.finished,                         -- int8
    w.succeeded,                        -- int8
    w.failed,                           -- int8
    w.rolled_back,                      -- int8
    w.unknown_sha,                      -- int8
    w.deployments_per_week,             -- float8
    w.lead_time_median_seconds,         -- float8, nullable
    w.lead_time_commits,                -- int8
    w.lead_time_na_reason,              -- text, nullable
    w.failure_rate,                     -- float8 from 0 to 1, nullable
    w.failure_rate_na_reason,           -- text, nullable
    w.restore_median_seconds,           -- float8, nullable
    w.restored,                         -- int8
    w.restore_na_reason                 -- text, nullable
FROM deployments.dora_weekly AS w
WHERE ($1::text IS NULL OR w.service = $1)
    AND ($2::text IS NULL OR w.environment = $2)
    AND ($3::date IS NULL OR w.week >= date_trunc('week', $3::timestamp)::date)
    AND ($4::date IS NULL OR w.week <= $4::date)
ORDER BY w.week DESC, w.service, w.environment
LIMIT $5::bigint
