-- Which transactions of this database stand for more than 30 seconds, prepared ones too? Other roles' are seen only by
-- who may see them.
SELECT
    format('%s (pid %s)', coalesce(nullif(a.application_name, ''), a.usename::text), a.pid) AS who,     -- text
    CASE WHEN a.wait_event_type = 'Lock' THEN format('waiting for pid %s', array_to_string(pg_blocking_pids(a.pid), ', '))
         ELSE coalesce(a.state, 'unknown') END AS state,                                                -- text
    extract(epoch FROM clock_timestamp() - a.xact_start)::double precision AS seconds,                  -- float8
    format('SELECT pg_terminate_backend(%s)', a.pid) AS end_it                                          -- text
FROM pg_stat_activity AS a
WHERE a.datname = current_database()
    AND a.backend_type = 'client backend'
    AND a.pid <> pg_backend_pid()
    AND a.xact_start < clock_timestamp() - interval '30 seconds'
UNION ALL
SELECT
    format('%s', p.owner),
    'prepared',
    extract(epoch FROM clock_timestamp() - p.prepared)::double precision,
    format('ROLLBACK PREPARED %L', p.gid)
FROM pg_prepared_xacts AS p
WHERE p.database = current_database()
    AND p.prepared < clock_timestamp() - interval '30 seconds'
ORDER BY seconds DESC
LIMIT 20
