-- How is the read model {schema}, over all its partitions? A heartbeat of the last ten seconds counts as alive.
SELECT
    count(*) AS partitions,                                                                         -- int8
    count(*) FILTER (WHERE f.state = 'running' AND f.heartbeat_at > now() - interval '10 seconds') AS followed, -- int8
    coalesce(sum(f.lag_offsets), 0)::bigint AS lag_offsets,                                         -- int8
    coalesce(max(f.lag_seconds), 0)::double precision AS lag_seconds,                               -- float8
    coalesce(
        array_agg(concat_ws(' ', f.reason_class, format('%s/%s', f.topic, f.partition), f.reason) ORDER BY f.topic, f.partition)
            FILTER (WHERE f.state = 'stopped' AND f.reason_class NOT IN ('ShutDown', 'Interrupted')),
        '{}'
    ) AS stops                                                                                      -- text[]
FROM {schema}.freshness AS f
