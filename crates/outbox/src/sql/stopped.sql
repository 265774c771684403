SELECT topic, partition, stopped_reason, stopped_at
FROM brainops.outbox_partition
WHERE stopped_reason IS NOT NULL
ORDER BY topic, partition
