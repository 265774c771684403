SELECT extract(epoch FROM lease_until - clock_timestamp())::double precision
FROM brainops.outbox_shard
WHERE shard = $1 AND isfinite(lease_until)
