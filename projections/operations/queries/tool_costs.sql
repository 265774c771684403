-- What have calls of tools taken and cost, by who asked and which tool, the dearest first?
--
-- $1 timestamptz  asked for from here on, or NULL for no bound
-- $2 timestamptz  and before, or NULL for no bound
SELECT
    c.principal,                                                          -- text, nullable: not decided yet
    c.tool,                                                               -- text
    count(*) AS calls,                                                    -- int8
    count(*) FILTER (WHERE c.state = 'completed') AS completed,           -- int8
    count(*) FILTER (WHERE c.state = 'denied') AS denied,                 -- int8
    count(*) FILTER (WHERE c.state IN ('failed', 'unknown')) AS failed,   -- int8
    coalesce(sum(c.duration_ms), 0)::bigint AS duration_ms,               -- int8
    sum(c.cost_micros)::bigint AS cost_micros                             -- int8, nullable: no price
FROM operations.tool_call AS c
WHERE ($1::timestamptz IS NULL OR c.requested_at >= $1)
    AND ($2::timestamptz IS NULL OR c.requested_at < $2)
GROUP BY c.principal, c.tool
ORDER BY cost_micros DESC NULLS LAST, calls DESC, c.principal, c.tool
