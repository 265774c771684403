-- The generation of a read model's lineage that is being built, if one is.
SELECT job.generation,
       known.fold_version,
       job.started_by,
       job.started_at,
       job.state = 'paused' AS is_paused,
       EXISTS (SELECT
                 FROM brainops.rebuild_unit AS unit
                WHERE unit.read_model = job.read_model
                  AND unit.generation = job.generation
                  AND unit.lease_until > now()) AS is_worked_on
  FROM brainops.rebuild AS job
  JOIN brainops.generation AS known
    ON known.read_model = job.read_model
   AND known.generation = job.generation
   AND known.kind = 'lineage'
   AND known.state = 'building'
 WHERE job.read_model = $1
   AND job.state IN ('running', 'paused')
 ORDER BY job.generation
 LIMIT 1
