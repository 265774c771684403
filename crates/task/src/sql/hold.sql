-- A task as it stands, behind its lock.
SELECT {columns}, ready_at <= statement_timestamp() AS has_lapsed, date_trunc('milliseconds', statement_timestamp()) AS now
  FROM brainops.task AS task
 WHERE source = $1 AND id = $2
   FOR UPDATE
