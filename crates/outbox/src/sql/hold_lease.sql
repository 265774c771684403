UPDATE brainops.outbox_shard
SET renewed_at = clock_timestamp(), lease_until = clock_timestamp() + $3 * interval '1 second',
    opened_epoch = CASE WHEN $4 THEN epoch ELSE opened_epoch END
WHERE shard = $1 AND epoch = $2
