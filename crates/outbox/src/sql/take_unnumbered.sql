-- Only for a planted mistake: rows that are sent before they are numbered.
SELECT waiting.outbox_id, waiting.topic, waiting.partition, waiting.outbox_id AS send_no,
    record.key, record.headers::text AS headers, record.value, NULL::bigint AS gate
FROM (
    SELECT outbox_id, topic, partition
    FROM brainops.outbox
    WHERE shard = $1 AND log_offset IS NULL AND send_no IS NULL AND outbox_id <> ALL ($2)
    ORDER BY outbox_id
    LIMIT $3
) AS waiting
JOIN brainops.outbox_record AS record USING (outbox_id)
ORDER BY waiting.outbox_id
