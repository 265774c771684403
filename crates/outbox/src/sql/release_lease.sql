UPDATE brainops.outbox_shard SET lease_until = clock_timestamp() WHERE shard = $1 AND epoch = $2
