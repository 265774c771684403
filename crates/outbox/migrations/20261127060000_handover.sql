-- Whether a partition has rows that wait for a number, of those that this statement sees. Found by the key whatever the
-- statistics say, which are always wrong for a queue.
CREATE OR REPLACE FUNCTION brainops.outbox_waits(in_shard smallint, in_topic text, in_partition integer)
RETURNS boolean LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM brainops.outbox
        WHERE shard = in_shard AND log_offset IS NULL AND send_no IS NULL
            AND topic = in_topic AND partition = in_partition
    );
END
$$;

COMMENT ON FUNCTION brainops.outbox_waits IS 'Whether a partition has rows of the outbox that wait for a number.';
