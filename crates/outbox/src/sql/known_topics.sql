SELECT topic FROM brainops.outbox_partition WHERE shard = $1
UNION
SELECT topic FROM brainops.outbox WHERE shard = $1 AND log_offset IS NULL
