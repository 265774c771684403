-- Takes sagas whose hour has come; those that somebody else is letting go on are left to them.
WITH due AS MATERIALIZED (
    SELECT agent, correlation
      FROM brainops.saga_over_budget
     WHERE until <= brainops.saga_clock()
     ORDER BY until
     LIMIT $1
       FOR UPDATE SKIP LOCKED
)
DELETE FROM brainops.saga_over_budget AS held
 USING due
 WHERE held.agent = due.agent AND held.correlation = due.correlation
RETURNING held.agent, held.correlation, held.input, held.until, brainops.saga_clock() AS now
