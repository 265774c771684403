-- How fresh is the read model `operations`: which generation serves, how far has it read, and how old is what it lacks?
SELECT
    f.generation,       -- which generation serves
    f.topic,            -- text
    f.partition,        -- int4
    f.next_offset,      -- int8, first offset that is not in the tables
    f.log_end_offset,   -- int8, nullable
    f.lag_offsets,      -- int8, nullable
    f.lag_seconds,      -- float8, nullable: 0 at the end, else the age of the first record that is not in the tables
    f.heartbeat_at,     -- timestamptz, nullable
    f.state             -- text
FROM operations.freshness AS f
ORDER BY f.topic, f.partition
