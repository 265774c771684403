-- An executor begins; its lease lasts $7 seconds.
INSERT INTO brainops.tool_executor (executor, host, boot, pid_namespace, pid, start_ticks, lease_until)
VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7))
