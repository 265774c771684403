-- Which agents are there, how do their sagas stand, and which agents are stopped?
--
-- $1 text  agent, or NULL for all
SELECT
    a.agent,          -- text
    a.early,          -- int8
    a.running,        -- int8
    a.compensating,   -- int8
    a.paused,         -- int8
    a.parked,         -- int8
    a.ended,          -- int8
    a.waiting,        -- int8
    a.overdue,        -- int8
    a.oldest_wait_at, -- timestamptz, nullable
    a.next_due_at,    -- timestamptz, nullable
    a.last_input_at,  -- timestamptz, nullable
    a.is_stopped,     -- boolean
    a.stopped_by,     -- text, nullable
    a.stopped_reason, -- text, nullable
    a.stopped_at      -- timestamptz, nullable
FROM operations.agent AS a
WHERE $1::text IS NULL OR a.agent = $1
ORDER BY a.agent
