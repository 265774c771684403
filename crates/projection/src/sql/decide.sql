-- Keeps a decision, in the transaction that moves the checkpoint past its event.
INSERT INTO {generation}.decision (
    topic, partition, record_offset, kind, about_topic, about_partition, about_offset, pause,
    decided_by, reason, recorded_at, state, outcome, done_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, CASE WHEN $12 = 'pending' THEN NULL ELSE now() END)
