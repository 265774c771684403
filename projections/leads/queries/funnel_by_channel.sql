-- How does the funnel look per channel? Eight rows for each channel.
--
-- $1 text  channel, or NULL for every channel ('unknown': their discovery is not known)
SELECT
    f.channel,                  -- text
    f.stage,                    -- text
    f.position,                 -- int4, from 1
    f.reached,                  -- int8
    f.current,                  -- int8
    f.conversion_from_previous, -- float8 from 0 to 1, nullable
    f.median_seconds_in_stage   -- float8, nullable
FROM leads.funnel_by_channel AS f
WHERE f.channel IS NOT NULL
    AND ($1::text IS NULL OR f.channel = $1)
ORDER BY f.channel, f.position
