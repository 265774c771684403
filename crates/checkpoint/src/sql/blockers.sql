-- Who is in the way of backend $1. One of application $2 whose transaction is older than $3 seconds is ended.
SELECT blocker.pid,
       coalesce(blocker.application_name, '') AS application_name,
       coalesce(blocker.usename::text, '') AS user_name,
       coalesce(blocker.state, '') AS state,
       coalesce(extract(epoch FROM now() - blocker.xact_start), 0)::bigint AS held_s,
       CASE WHEN blocker.application_name = $2 AND blocker.xact_start <= now() - make_interval(secs => $3)
            THEN pg_terminate_backend(blocker.pid)
            ELSE false
        END AS ended
  FROM pg_catalog.pg_stat_activity AS blocker
 WHERE blocker.pid = ANY (pg_blocking_pids($1))
