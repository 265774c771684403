-- Is this server copied, as far as it knows?
SELECT
    (SELECT count(*) FROM pg_stat_replication) AS standbys,         -- int8
    current_setting('archive_mode') <> 'off' AS archiving,          -- bool
    coalesce(a.last_failed_time > a.last_archived_time, a.last_failed_time IS NOT NULL) AS archiving_fails -- bool
FROM pg_stat_archiver AS a
