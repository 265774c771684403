-- Which of these rows are known to stand in the log. One that was removed after its time does.
SELECT wanted.outbox_id
FROM unnest($1::bigint[]) AS wanted (outbox_id)
WHERE NOT EXISTS (
    SELECT FROM brainops.outbox AS row WHERE row.outbox_id = wanted.outbox_id AND row.log_offset IS NULL
)
