-- Some events may stand in the log only once another one does.
ALTER TABLE brainops.outbox_record ADD COLUMN IF NOT EXISTS gate bigint;
COMMENT ON COLUMN brainops.outbox_record.gate IS 'The row that Kafka must have acknowledged before this one is sent; null: none.';
