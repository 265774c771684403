-- Takes sagas whose hour has come, in the order in which they began to stand; those that somebody else is letting go on
-- are left to them.
WITH due AS MATERIALIZED (
    SELECT agent, correlation
      FROM brainops.saga_over_budget
     WHERE until <= brainops.saga_clock()
     ORDER BY until, number
     LIMIT $1
       FOR UPDATE SKIP LOCKED
), taken AS (
    DELETE FROM brainops.saga_over_budget AS held
     USING due
     WHERE held.agent = due.agent AND held.correlation = due.correlation
    RETURNING held.agent, held.correlation, held.input, held.until, held.number
)
SELECT agent, correlation, input, until, brainops.saga_clock() AS now
  FROM taken
 ORDER BY until, number
