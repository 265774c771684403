-- Makes the caller the one owner of these partitions: whoever held them before has an older epoch and writes
-- nothing any more. A partition that was never followed begins at the start of its log.
INSERT INTO {table} AS held ({owner_column}topic, partition, topic_id, next_offset, epoch)
SELECT {owner_value}asked.topic, asked.partition, asked.topic_id, asked.log_start, 1
  FROM UNNEST($1::text[], $2::integer[], $3::text[], $4::bigint[]) AS asked (topic, partition, topic_id, log_start)
 ORDER BY asked.topic, asked.partition -- one order of locks for everybody
    ON CONFLICT ({owner_column}topic, partition) DO UPDATE SET epoch = held.epoch + 1, updated_at = now()
RETURNING held.topic, held.partition, held.topic_id, held.next_offset, held.epoch, held.last_digest
