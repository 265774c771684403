SELECT topic, topic_id, partition, read_through, stopped_reason
FROM brainops.outbox_partition
WHERE shard = $1
ORDER BY topic, partition
