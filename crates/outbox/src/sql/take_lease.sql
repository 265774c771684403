UPDATE brainops.outbox_shard
SET holder = $2, epoch = epoch + 1, renewed_at = clock_timestamp(),
    lease_until = clock_timestamp() + $3 * interval '1 second'
WHERE shard = $1 AND (lease_until <= clock_timestamp() OR holder = $2)
RETURNING epoch
