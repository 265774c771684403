SELECT outbox_id, topic, partition, log_offset, recorded_at
FROM brainops.outbox
WHERE outbox_id = ANY ($1) AND log_offset IS NOT NULL
