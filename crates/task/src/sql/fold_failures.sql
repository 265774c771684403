-- What the log says of failures: the highest number counts. One that was marked when it was said changes nothing.
INSERT INTO brainops.task AS task (source, id, failures, retry_at, ready_at)
SELECT source, id, failures, retry_at, retry_at
  FROM unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[]) AS told (source, id, failures, retry_at)
 ORDER BY source, id
    ON CONFLICT (source, id) DO UPDATE
   SET failures = excluded.failures, retry_at = excluded.retry_at, ready_at = greatest(task.ready_at, excluded.retry_at)
 WHERE excluded.failures > task.failures
