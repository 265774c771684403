-- How many events of each type are there?
SELECT
    t.topic,                -- text
    t.type,                 -- text
    t.events,               -- int8
    t.first_recorded_at,    -- timestamptz
    t.last_recorded_at,     -- timestamptz
    t.first_happened_at,    -- timestamptz
    t.last_happened_at      -- timestamptz
FROM events.event_type AS t
ORDER BY t.topic, t.type
