-- Which calls of tools were asked for, the latest first?
--
-- $1 text         tool, or NULL for all
-- $2 text         state, or NULL for all
-- $3 timestamptz  requested_at of the last row of the page before, or NULL for the first page
-- $4 text         call_id of that row
-- $5 bigint       most rows to return, at least 1
SELECT
    c.call_source,       -- text
    c.call_id,           -- text
    c.subject,           -- text
    c.tool,              -- text
    c.principal,         -- text, nullable
    c.state,             -- text
    c.requested_at,      -- timestamptz
    c.decided_at,        -- timestamptz, nullable
    c.policies,          -- jsonb array of strings
    c.policy_digest,     -- text, nullable
    c.started_at,        -- timestamptz, nullable
    c.attempts,          -- int4
    c.ended_at,          -- timestamptz, nullable
    c.reason_code,       -- text, nullable
    c.is_without_effect, -- boolean, nullable
    c.result_bytes,      -- int8, nullable
    c.duration_ms,       -- int8, nullable
    c.cost_micros        -- int8, nullable
FROM operations.tool_call AS c
WHERE ($1::text IS NULL OR c.tool = $1)
    AND ($2::text IS NULL OR c.state = $2)
    AND ($3::timestamptz IS NULL OR (c.requested_at, c.call_id) < ($3, $4::text))
ORDER BY c.requested_at DESC, c.call_id DESC
LIMIT $5::bigint
