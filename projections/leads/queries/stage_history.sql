-- Through which stages did one lead go, and how long did it stay in each?
--
-- $1 text  lead_id
SELECT
    h.stage,            -- text
    h.entered_at,       -- timestamptz
    h.left_at,          -- timestamptz, nullable
    h.seconds_in_stage, -- float8, nullable
    h.is_current        -- bool
FROM leads.stage_history AS h
WHERE h.lead_id = $1::text
ORDER BY h.entered_at, h.is_current
