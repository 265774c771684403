-- How far a rebuild has come. A partition that is being folded counts by its buckets.
SELECT job.state,
       job.reason,
       job.goal,
       job.started_at,
       job.folded_at IS NOT NULL AND job.finished_at IS NULL AS is_indexing,
       extract(epoch FROM coalesce(job.finished_at, now()) - job.started_at)::double precision AS seconds,
       count(unit.topic) AS partitions,
       count(unit.topic) FILTER (WHERE unit.state = 'done') AS partitions_done,
       coalesce(sum(unit.to_offset - unit.from_offset), 0)::bigint AS offsets,
       coalesce(sum(CASE WHEN unit.state IN ('folding', 'done') THEN unit.to_offset - unit.from_offset
                         ELSE greatest(unit.read_to - unit.from_offset, 0) END), 0)::bigint AS offsets_read,
       coalesce(sum(CASE WHEN unit.state = 'done' THEN unit.to_offset - unit.from_offset
                         ELSE (unit.to_offset - unit.from_offset) * coalesce(folded.buckets, 0) / unit.buckets END), 0)::bigint AS offsets_folded,
       coalesce(array_agg(DISTINCT unit.worker) FILTER (WHERE unit.lease_until > now() AND unit.state <> 'done'), '{}') AS workers
  FROM brainops.rebuild AS job
  LEFT JOIN brainops.rebuild_unit AS unit
    ON unit.read_model = job.read_model
   AND unit.generation = job.generation
  LEFT JOIN (SELECT topic, partition, count(*) AS buckets
               FROM brainops.rebuild_bucket
              WHERE read_model = $1
                AND generation = $2
              GROUP BY topic, partition) AS folded
    ON folded.topic = unit.topic
   AND folded.partition = unit.partition
 WHERE job.read_model = $1
   AND job.generation = $2
 GROUP BY job.read_model, job.generation
