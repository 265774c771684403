-- Reserves names and queues the rows and records of those that are new; answers which.
-- Numbers are drawn in the order of the input; names are locked in the order of names, so that two transactions
-- cannot wait for each other. A gate is an input of this call; one that is not new is the caller's affair.
-- Of the shards $11 that are held in the epochs $12, rows get their place in the order of sending as well, unless others
-- of their partition wait for theirs.
WITH drawn AS MATERIALIZED (
    SELECT nextval('brainops.outbox_number') AS outbox_id, input.*
    FROM (
        SELECT *
        FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::integer[], $6::integer[])
            WITH ORDINALITY AS input (source, id, digest, topic, partition, bytes, nth)
        ORDER BY nth
    ) AS input
), reserved AS (
    INSERT INTO brainops.reservation (source, id, digest, outbox_id, topic, partition)
    SELECT source, id, digest, outbox_id, topic, partition
    FROM drawn
    ORDER BY source, id
    ON CONFLICT (source, id) DO NOTHING
    RETURNING outbox_id
), fresh AS MATERIALIZED (
    SELECT nth, outbox_id, topic, partition, bytes,
        row_number() OVER (PARTITION BY topic, partition ORDER BY outbox_id) AS nth_here
    FROM drawn JOIN reserved USING (outbox_id)
), held AS MATERIALIZED (
    -- who is stopped from here on must not keep the shard from others
    SELECT shard, epoch, set_config('idle_in_transaction_session_timeout', $13, true)
    FROM brainops.outbox_shard JOIN unnest($11::smallint[], $12::bigint[]) AS desk (shard, epoch) USING (shard, epoch)
    FOR UPDATE OF outbox_shard
), taken AS (
    UPDATE brainops.outbox_partition AS place
    SET next_send_no = next_send_no + here.rows
    FROM (SELECT topic, partition, count(*) AS rows FROM fresh GROUP BY topic, partition) AS here, held
    WHERE place.topic = here.topic AND place.partition = here.partition AND place.shard = held.shard
        AND place.stopped_reason IS NULL
        AND NOT brainops.outbox_waits(place.shard, place.topic, place.partition)
    RETURNING place.topic, place.partition, place.next_send_no - here.rows AS first, held.epoch
), queued AS (
    -- no shards: null, and the column refuses it
    INSERT INTO brainops.outbox (outbox_id, shard, topic, partition, bytes, send_no, epoch)
    SELECT outbox_id, partition % (SELECT max(shards) FROM brainops.outbox_shard), topic, partition, bytes,
        taken.first + nth_here - 1, taken.epoch
    FROM fresh LEFT JOIN taken USING (topic, partition)
    ORDER BY outbox_id
    RETURNING outbox_id, send_no
), recorded AS (
    INSERT INTO brainops.outbox_record (outbox_id, source, id, key, headers, value, gate)
    SELECT drawn.outbox_id, source, id, record.key, record.headers::json, record.value, gate.outbox_id
    FROM drawn
    JOIN reserved USING (outbox_id)
    JOIN unnest($7::text[], $8::text[], $9::bytea[], $10::bigint[])
        WITH ORDINALITY AS record (key, headers, value, gate, nth) USING (nth)
    LEFT JOIN fresh AS gate ON gate.nth = record.gate
    ORDER BY drawn.outbox_id
)
-- what is queued must outlive a crash of this database
SELECT nth, outbox_id, send_no, set_config('synchronous_commit', 'on', true)
FROM fresh JOIN queued USING (outbox_id)
