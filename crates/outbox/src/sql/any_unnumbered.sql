SELECT EXISTS (
    SELECT FROM brainops.outbox WHERE shard = $1 AND log_offset IS NULL AND send_no IS NULL
)
