-- Whether the log was followed so far: $1 topic, $2 partitions, $3 offsets.
SELECT NOT EXISTS (
    SELECT FROM unnest($2::integer[], $3::bigint[]) AS wanted (partition, next_offset)
     WHERE NOT EXISTS (SELECT FROM brainops.tool_checkpoint AS held
                        WHERE held.topic = $1 AND held.partition = wanted.partition
                          AND held.next_offset >= wanted.next_offset))
