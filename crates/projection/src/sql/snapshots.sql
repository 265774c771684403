-- The snapshots that others hold in this database. Of sessions of another role only the virtual transaction is to be
-- seen, not how old its snapshot is.
SELECT seen.pid,
       coalesce(seen.usename::text, '') AS user_name,
       coalesce(seen.application_name, '') AS application_name,
       extract(epoch FROM clock_timestamp() - seen.xact_start)::double precision AS age_s,
       seen.backend_xmin::text AS xmin,
       open.virtualxid,
       pg_snapshot_xmax(pg_current_snapshot())::text AS newest
  FROM pg_catalog.pg_stat_activity AS seen
  LEFT JOIN pg_catalog.pg_locks AS open
    ON open.pid = seen.pid
   AND open.locktype = 'virtualxid'
   AND open.mode = 'ExclusiveLock' -- the owner's own; who waits for it asks for a share
 WHERE seen.datname = current_database()
   AND seen.pid <> pg_backend_pid()
   AND CASE WHEN seen.backend_type IS NULL THEN open.virtualxid IS NOT NULL
            ELSE seen.backend_type IN ('client backend', 'parallel worker') AND seen.backend_xmin IS NOT NULL
       END
 ORDER BY seen.xact_start NULLS FIRST, seen.pid
