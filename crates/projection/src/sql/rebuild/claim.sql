-- Takes one partition of a rebuild that nobody works on: those come first that this process has read already, then the
-- longest. MATERIALIZED, for a subquery that the planner runs again would take another partition each time.
WITH free AS MATERIALIZED (
    SELECT topic, partition
      FROM brainops.rebuild_unit
     WHERE read_model = $1
       AND generation = $2
       AND state <> 'done'
       AND (lease_until IS NULL OR lease_until < now())
     ORDER BY worker IS DISTINCT FROM $3, to_offset - from_offset DESC, topic, partition
     LIMIT 1
       FOR UPDATE SKIP LOCKED
)
UPDATE brainops.rebuild_unit AS unit
   SET worker = $3,
       epoch = unit.epoch + 1,
       lease_until = now() + $4::interval
  FROM free
 WHERE unit.read_model = $1
   AND unit.generation = $2
   AND unit.topic = free.topic
   AND unit.partition = free.partition
RETURNING unit.topic, unit.partition, unit.topic_id, unit.from_offset, unit.to_offset, unit.buckets, unit.state, unit.epoch
