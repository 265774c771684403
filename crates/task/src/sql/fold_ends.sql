-- What the log says of ends, also of tasks that were not read yet. The strongest state counts, and of equal ones the first:
-- so rows do not depend on the order in which partitions are read.
INSERT INTO brainops.task AS task (source, id, state, ended_at, ended_partition, ended_offset)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::integer[], $6::bigint[])
 ORDER BY 1, 2
    ON CONFLICT (source, id) DO UPDATE
   SET state = excluded.state, payload = NULL, ended_at = excluded.ended_at,
       ended_partition = excluded.ended_partition, ended_offset = excluded.ended_offset
 WHERE array_position({states}, excluded.state) > array_position({states}, task.state)
    OR (excluded.state = task.state
        AND (task.ended_offset IS NULL
             OR (excluded.ended_partition, excluded.ended_offset) < (task.ended_partition, task.ended_offset)))
