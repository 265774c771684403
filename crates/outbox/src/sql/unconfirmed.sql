SELECT outbox_id, topic, partition, send_no, source, id
FROM brainops.outbox JOIN brainops.outbox_record USING (outbox_id)
WHERE shard = $1 AND log_offset IS NULL AND send_no IS NOT NULL
