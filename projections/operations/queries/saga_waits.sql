-- What do sagas wait for, and since when? By agent and correlation.
--
-- $1 text     agent, or NULL for all
-- $2 text     kind (event, approval, task, timer, undo, beginning, person), or NULL for all
-- $3 boolean  true for what is overdue only, false for what is not, NULL for both
-- $4 text     agent of the last row of the page before, or NULL for the first page
-- $5 text     correlation of that row
-- $6 integer  number of that row
-- $7 bigint   most rows to return, at least 1
SELECT
    w.agent,         -- text
    w.correlation,   -- text
    w.number,        -- int4, from 1 within the saga
    w.run,           -- int4
    w.status,        -- text
    w.kind,          -- text
    w.reason,        -- text
    w.events,        -- text[]
    w.since_at,      -- timestamptz, null for a timer
    w.due_at,        -- timestamptz, null for all but timers
    w.waits_seconds, -- float8, null for a timer
    w.is_overdue     -- boolean
FROM operations.saga_wait AS w
WHERE ($1::text IS NULL OR w.agent = $1)
    AND ($2::text IS NULL OR w.kind = $2)
    AND ($3::boolean IS NULL OR w.is_overdue = $3)
    AND ($4::text IS NULL OR (w.agent, w.correlation, w.number) > ($4, $5::text, $6::integer))
ORDER BY w.agent, w.correlation, w.number
LIMIT $7::bigint
