-- Gives a task back, to be handed out not before $3; after a failure, $4 says which.
UPDATE brainops.task
   SET worker = NULL,
       ready_at = coalesce($3, statement_timestamp()),
       failures = coalesce($4, failures),
       retry_at = CASE WHEN $4 IS NULL THEN retry_at ELSE $3 END
 WHERE source = $1 AND id = $2
