-- What is known of names that were seen in the log: whether they are reserved, and where a row of theirs goes that is
-- neither numbered nor confirmed.
SELECT input.nth, row.outbox_id, row.topic, row.partition
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS input (source, id, nth)
CROSS JOIN LATERAL (
    SELECT outbox_id FROM brainops.reservation WHERE source = input.source AND id = input.id LIMIT 1
) AS found
LEFT JOIN LATERAL (
    SELECT outbox_id, topic, partition FROM brainops.outbox
    WHERE outbox_id = found.outbox_id AND log_offset IS NULL AND send_no IS NULL
    LIMIT 1
) AS row ON true
