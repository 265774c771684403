-- An executor ends by itself, with nothing in its hands.
UPDATE brainops.tool_executor SET ended_at = clock_timestamp() WHERE executor = $1 AND ended_at IS NULL
