-- Reserves names and queues the rows and records of those that are new; answers which.
-- Numbers are drawn in the order of the input; names are locked in the order of names, so that two transactions
-- cannot wait for each other. A gate is an input of this call; one that is not new is the caller's affair.
WITH numbered AS MATERIALIZED (
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
    FROM numbered
    ORDER BY source, id
    ON CONFLICT (source, id) DO NOTHING
    RETURNING outbox_id
), queued AS (
    -- no shards: null, and the column refuses it
    INSERT INTO brainops.outbox (outbox_id, shard, topic, partition, bytes)
    SELECT outbox_id, partition % (SELECT max(shards) FROM brainops.outbox_shard), topic, partition, bytes
    FROM numbered JOIN reserved USING (outbox_id)
    ORDER BY outbox_id
), fresh AS (
    SELECT nth, outbox_id FROM numbered JOIN reserved USING (outbox_id)
), recorded AS (
    INSERT INTO brainops.outbox_record (outbox_id, source, id, key, headers, value, gate)
    SELECT numbered.outbox_id, source, id, record.key, record.headers::json, record.value, gate.outbox_id
    FROM numbered
    JOIN reserved USING (outbox_id)
    JOIN unnest($7::text[], $8::text[], $9::bytea[], $10::bigint[])
        WITH ORDINALITY AS record (key, headers, value, gate, nth) USING (nth)
    LEFT JOIN fresh AS gate ON gate.nth = record.gate
    ORDER BY numbered.outbox_id
)
-- what is queued must outlive a crash of this database
SELECT nth, outbox_id, set_config('synchronous_commit', 'on', true) FROM fresh
