-- Ends who is in the way of backend $1: transactions of agents that hold the switch and have not ended by now. What they
-- would have decided is rolled back.
SELECT blocker.pid, coalesce(blocker.application_name, '') AS application_name, pg_terminate_backend(blocker.pid) AS ended
  FROM pg_catalog.pg_stat_activity AS blocker
 WHERE blocker.pid = ANY (pg_blocking_pids($1))
   AND EXISTS (SELECT FROM pg_catalog.pg_locks AS held
                WHERE held.pid = blocker.pid AND held.locktype = 'advisory' AND held.mode = 'ShareLock' AND held.granted)
