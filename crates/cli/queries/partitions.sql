-- How far is each partition of the read model {schema}, and why does it stand if it does?
SELECT
    f.topic,        -- text
    f.partition,    -- int4
    f.next_offset,  -- int8, the first offset that is not in the rows
    f.state,        -- text, nullable: running or stopped
    f.reason_class, -- text, nullable
    f.reason        -- text, nullable
FROM {schema}.freshness AS f
ORDER BY f.topic, f.partition
