-- How many leads reached each stage, stand in it, and went on to it? Always eight rows.
SELECT
    f.stage,                    -- text
    f.position,                 -- int4, from 1
    f.reached,                  -- int8
    f.current,                  -- int8
    f.conversion_from_previous, -- float8 from 0 to 1, nullable
    f.median_seconds_in_stage   -- float8, nullable
FROM leads.funnel AS f
ORDER BY f.position
