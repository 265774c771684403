-- Puts rows of this transaction behind rows that an earlier one has queued.
UPDATE brainops.outbox_record AS record
SET gate = wanted.gate
FROM unnest($1::bigint[], $2::bigint[]) AS wanted (outbox_id, gate)
WHERE record.outbox_id = wanted.outbox_id
