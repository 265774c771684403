-- The snapshots that others hold in this database, but for those of transactions that began after $1. Of sessions of
-- another role kind and beginning are hidden; those of the server itself have no user.
SELECT seen.pid,
       seen.usename::text AS user_name,
       coalesce(seen.application_name, '') AS application_name,
       extract(epoch FROM clock_timestamp() - seen.xact_start)::double precision AS age_s,
       seen.backend_xmin::text AS xmin,
       pg_snapshot_xmax(pg_current_snapshot())::text AS newest
  FROM pg_catalog.pg_stat_activity AS seen
 WHERE seen.datname = current_database()
   AND seen.pid <> pg_backend_pid()
   AND seen.backend_xmin IS NOT NULL
   AND seen.usename IS NOT NULL
   AND coalesce(seen.backend_type, 'client backend') IN ('client backend', 'parallel worker')
   AND coalesce(seen.xact_start < $1, true)
 ORDER BY seen.xact_start NULLS FIRST, seen.pid
