-- Ends the executors whose lease ran out: from here on none of their claims counts.
UPDATE brainops.tool_executor SET ended_at = clock_timestamp() WHERE ended_at IS NULL AND lease_until < clock_timestamp()
