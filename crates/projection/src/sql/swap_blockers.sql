-- Who is in the way of backend $1 now. What another role does not let us see is null.
SELECT blocker.pid,
       coalesce(blocker.usename::text, '') AS user_name,
       coalesce(blocker.application_name, '') AS application_name,
       extract(epoch FROM clock_timestamp() - blocker.xact_start)::double precision AS age_s
  FROM pg_catalog.pg_stat_activity AS blocker
 WHERE blocker.pid = ANY (pg_blocking_pids($1))
 ORDER BY blocker.pid
