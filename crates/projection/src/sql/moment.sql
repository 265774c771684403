-- Past moments of a read model by one version of its fold, or by any; all or the one of a number, the latest first.
SELECT known.generation,
       known.fold_version,
       known.state = 'ready' AS is_ready,
       known.expires_at,
       known.moment AS asked,
       job.goal,
       job.happened_to,
       job.state AS making,
       job.reason,
       extract(epoch FROM now() - job.finished_at)::double precision AS ended_s_ago
  FROM brainops.generation AS known
  JOIN brainops.rebuild AS job
    ON job.read_model = known.read_model
   AND job.generation = known.generation
 WHERE known.read_model = $1
   AND ($2::integer IS NULL OR known.fold_version = $2)
   AND known.kind = 'moment'
   AND known.state IN ('building', 'ready')
   AND ($3::integer IS NULL OR known.generation = $3)
 ORDER BY known.generation DESC
