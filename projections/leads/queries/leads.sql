-- Which leads are there, those with the latest fact first?
--
-- $1 text         stage, or NULL for all
-- $2 text         channel, or NULL for all ('unknown': their discovery is not known)
-- $3 timestamptz  last_happened_at of the last row of the page before, or NULL for the first page
-- $4 text         lead_id of that row
-- $5 bigint       most rows to return, at least 1
SELECT
    l.lead_id,                  -- text
    l.stage,                    -- text
    l.stage_entered_at,         -- timestamptz
    l.channel,                  -- text, nullable
    l.company,                  -- text, nullable
    l.name,                     -- text, nullable: a sealed token
    l.email,                    -- text, nullable: a sealed token
    l.score,                    -- float8, nullable
    l.segment,                  -- text, nullable
    l.discovered_at,            -- timestamptz, nullable
    l.qualified_at,             -- timestamptz, nullable
    l.first_sent_at,            -- timestamptz, nullable
    l.first_replied_at,         -- timestamptz, nullable
    l.demo_scheduled_at,        -- timestamptz, nullable
    l.demo_at,                  -- timestamptz, nullable
    l.won_at,                   -- timestamptz, nullable
    l.lost_at,                  -- timestamptz, nullable
    l.disqualified_at,          -- timestamptz, nullable
    l.amount_minor,             -- int8, nullable
    l.currency,                 -- text, nullable
    l.lost_reason_code,         -- text, nullable
    l.disqualified_reason_code, -- text, nullable
    l.outreach_ready_count,     -- int8
    l.outreach_sent_count,      -- int8
    l.outreach_replied_count,   -- int8
    l.outreach_bounced_count,   -- int8
    l.bounced_permanently,      -- bool
    l.first_happened_at,        -- timestamptz
    l.last_happened_at,         -- timestamptz
    l.changed_by_source,        -- text
    l.changed_by_id,            -- text
    l.changed_at_position       -- text
FROM leads.lead AS l
WHERE ($1::text IS NULL OR l.stage = $1)
    AND ($2::text IS NULL OR coalesce(l.channel, 'unknown') = $2)
    AND ($3::timestamptz IS NULL OR (l.last_happened_at, l.lead_id) < ($3, $4::text))
ORDER BY l.last_happened_at DESC, l.lead_id DESC
LIMIT $5::bigint
