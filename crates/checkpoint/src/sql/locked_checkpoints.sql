-- The checkpoints of these partitions, behind their row locks: a commit that is still under way is waited for.
SELECT held.topic, held.partition, held.next_offset, held.epoch
  FROM {table} AS held
  JOIN UNNEST($1::text[], $2::integer[]) AS asked (topic, partition)
    ON asked.topic = held.topic
   AND asked.partition = held.partition
   {is_owned}
 ORDER BY held.topic, held.partition
   FOR UPDATE OF held
