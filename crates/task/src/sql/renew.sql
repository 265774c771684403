-- Lets a lease last $3 seconds from now.
UPDATE brainops.task SET ready_at = statement_timestamp() + make_interval(secs => $3) WHERE source = $1 AND id = $2
RETURNING ready_at
