-- Lets the lease of an executor last $2 seconds from now, unless it was ended.
UPDATE brainops.tool_executor SET lease_until = clock_timestamp() + make_interval(secs => $2)
 WHERE executor = $1 AND ended_at IS NULL
