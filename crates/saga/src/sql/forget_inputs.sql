-- Forgets inputs that the checkpoints have passed longer ago than $1 seconds, up to a bound.
WITH old AS MATERIALIZED (
    SELECT input
      FROM brainops.saga_inbox
     WHERE passed_at < brainops.saga_clock() - $1 * interval '1 second'
     LIMIT $2
)
DELETE FROM brainops.saga_inbox AS inbox
 USING old
 WHERE inbox.input = old.input
