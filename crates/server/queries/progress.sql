-- How far is each partition of the read model {schema}, and why does it stand if it does?
--
-- $1 text  name of the read model, which is also that of its schema
SELECT
    f.generation,       -- int4
    f.topic,            -- text
    f.partition,        -- int4
    f.next_offset,      -- int8
    f.lag_offsets,      -- int8, nullable
    f.lag_seconds,      -- float8, nullable
    f.heartbeat_at,     -- timestamptz, nullable
    f.state,            -- text, nullable
    f.reason_class,     -- text, nullable
    f.reason,           -- text, nullable
    p.at_position       -- text, nullable
FROM {schema}.freshness AS f
LEFT JOIN brainops.progress AS p
    ON p.read_model = $1 AND p.generation = f.generation AND p.topic = f.topic AND p.partition = f.partition
ORDER BY f.topic, f.partition
