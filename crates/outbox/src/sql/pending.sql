SELECT count(*) AS pending_rows,
    coalesce(sum(bytes), 0)::bigint AS pending_bytes,
    extract(epoch FROM clock_timestamp() - min(inserted_at))::double precision AS oldest_pending_seconds
FROM brainops.outbox
WHERE log_offset IS NULL
