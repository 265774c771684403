-- How fresh is the read model `events`: which generation serves, up to where is it folded, how old is what it lacks?
SELECT
    f.generation,       -- int4
    f.topic,            -- text
    f.partition,        -- int4
    f.next_offset,      -- int8, the first offset that is not in the rows
    f.log_end_offset,   -- int8, nullable
    f.lag_offsets,      -- int8, nullable
    f.lag_seconds,      -- float8, nullable: 0 at the end, else the age of the first record that is not in the rows
    f.heartbeat_at,     -- timestamptz, nullable
    f.state,            -- text, nullable: running or stopped
    f.reason_class,     -- text, nullable
    f.reason            -- text, nullable
FROM events.freshness AS f
ORDER BY f.topic, f.partition
