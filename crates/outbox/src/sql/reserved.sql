-- What is known of names that were reserved before. Each name is looked up by its key, whatever the statistics say.
SELECT input.nth, found.digest, found.outbox_id, found.topic, found.partition,
    coalesce(found.log_offset, row.log_offset) AS log_offset,
    coalesce(found.recorded_at, row.recorded_at) AS recorded_at
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS input (source, id, nth)
CROSS JOIN LATERAL (
    SELECT digest, outbox_id, topic, partition, log_offset, recorded_at
    FROM brainops.reservation
    WHERE source = input.source AND id = input.id
    LIMIT 1
) AS found
LEFT JOIN LATERAL (
    SELECT log_offset, recorded_at FROM brainops.outbox WHERE outbox_id = found.outbox_id LIMIT 1
) AS row ON true
