-- Numbers the next rows of a shard, partition by partition in the order of their ids, and answers with what is to be
-- sent. Rows are taken because they have no number. $2 rows and $3 bytes at most, but one row at least; nothing of
-- the partitions $4, $5. Numbers must outlive a crash of this database, so the commit waits for the disk.
WITH waiting AS MATERIALIZED (
    SELECT outbox_id, topic, partition, bytes
    FROM brainops.outbox
    WHERE shard = $1 AND log_offset IS NULL AND send_no IS NULL
        AND NOT EXISTS (
            SELECT FROM unnest($4::text[], $5::integer[]) AS closed (topic, partition)
            WHERE closed.topic = outbox.topic AND closed.partition = outbox.partition
        )
    ORDER BY outbox_id
    LIMIT $2
), chosen AS MATERIALIZED (
    SELECT outbox_id, topic, partition, row_number() OVER (PARTITION BY topic, partition ORDER BY outbox_id) AS nth
    FROM (SELECT *, sum(bytes) OVER (ORDER BY outbox_id) - bytes AS before FROM waiting) AS summed
    WHERE before < $3
), numbered AS MATERIALIZED (
    -- of a partition that is not known: no number
    SELECT chosen.outbox_id, chosen.topic, chosen.partition, place.next_send_no + nth - 1 AS send_no
    FROM chosen LEFT JOIN brainops.outbox_partition AS place USING (topic, partition)
), moved AS (
    UPDATE brainops.outbox_partition AS place
    SET next_send_no = last.send_no + 1
    FROM (SELECT topic, partition, max(send_no) AS send_no FROM numbered GROUP BY topic, partition) AS last
    WHERE place.topic = last.topic AND place.partition = last.partition AND last.send_no IS NOT NULL
), stored AS (
    UPDATE brainops.outbox
    SET send_no = numbered.send_no, epoch = $6
    FROM numbered
    WHERE outbox.outbox_id = numbered.outbox_id
)
SELECT numbered.outbox_id, numbered.topic, numbered.partition, numbered.send_no,
    record.key, record.headers::text AS headers, record.value,
    -- as long as it is not known to stand in the log
    (SELECT gate.outbox_id FROM brainops.outbox AS gate
     WHERE gate.outbox_id = record.gate AND gate.log_offset IS NULL) AS gate,
    set_config('synchronous_commit', 'on', true)
FROM numbered JOIN brainops.outbox_record AS record USING (outbox_id)
ORDER BY numbered.outbox_id
