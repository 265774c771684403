INSERT INTO brainops.outbox_partition (topic, topic_id, partition, partitions, shard, read_through)
SELECT topic, topic_id, partition, partitions, $1, read_through
FROM unnest($2::text[], $3::text[], $4::integer[], $5::integer[], $6::bigint[])
    AS shown (topic, topic_id, partition, partitions, read_through)
ON CONFLICT (topic, partition) DO NOTHING
