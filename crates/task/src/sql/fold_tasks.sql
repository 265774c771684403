-- What the log says that tasks are. Of one name, the first counts: that of the lower partition and offset. The payload of one
-- that has ended is not kept.
INSERT INTO brainops.task AS task (source, id, kind, subject, correlation_id, priority, payload, recorded_at, topic, partition,
                                   record_offset, turn_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
                     $9::text[], $10::integer[], $11::bigint[], $12::timestamptz[])
 ORDER BY 1, 2
    ON CONFLICT (source, id) DO UPDATE
   SET kind = excluded.kind, subject = excluded.subject, correlation_id = excluded.correlation_id,
       priority = excluded.priority, payload = CASE WHEN task.state = 'open' THEN excluded.payload END,
       recorded_at = excluded.recorded_at, topic = excluded.topic, partition = excluded.partition,
       record_offset = excluded.record_offset, turn_at = excluded.turn_at
 WHERE task.kind IS NULL
    OR (excluded.partition, excluded.record_offset) < (task.partition, task.record_offset)
