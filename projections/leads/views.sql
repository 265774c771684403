-- Derived views of the read model `leads`, over the base views of the serving generation only.
-- Times are times of happening.

CREATE OR REPLACE VIEW leads.stage AS
SELECT known.stage, known.position, known.is_end
FROM (VALUES
    ('discovered', 1, false),
    ('qualified', 2, false),
    ('contacted', 3, false),
    ('replied', 4, false),
    ('demo', 5, false),
    ('won', 6, true),
    ('lost', 7, true),
    ('disqualified', 8, true)
) AS known (stage, position, is_end);

COMMENT ON VIEW leads.stage IS 'The stages of a lead in their order.';
COMMENT ON COLUMN leads.stage.stage IS 'Name of the stage.';
COMMENT ON COLUMN leads.stage.position IS 'Its place, from 1. Forward leads from 1 to 6; lost and disqualified end a lead from anywhere.';
COMMENT ON COLUMN leads.stage.is_end IS 'True when the stage ends a lead.';

CREATE OR REPLACE VIEW leads.stage_history AS
SELECT
    path.lead_id,
    path.stage,
    path.entered_at,
    lead(path.entered_at) OVER forward AS left_at,
    extract(epoch FROM lead(path.entered_at) OVER forward - path.entered_at)::double precision AS seconds_in_stage,
    lead(path.entered_at) OVER forward IS NULL AS is_current
FROM (
    SELECT
        entry.lead_id,
        entry.stage,
        entry.entered_at,
        s.position,
        s.is_end,
        -- How far the lead had come before: an end counts as further than all that is not one.
        max(least(s.position, 6)) OVER (
            PARTITION BY entry.lead_id ORDER BY entry.entered_at, s.position
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS furthest_before
    FROM leads.stage_entry AS entry
    JOIN leads.stage AS s ON s.stage = entry.stage
) AS path
WHERE path.is_end OR path.furthest_before IS NULL OR path.position > path.furthest_before
WINDOW forward AS (
    -- Of ends at one moment won comes last: it is the one that counts.
    PARTITION BY path.lead_id
    ORDER BY path.entered_at, CASE WHEN path.is_end THEN 100 - path.position ELSE path.position END
);

COMMENT ON VIEW leads.stage_history IS 'The way of each lead through the stages: it only goes forward, so a stage that was reached when the lead had already been further is left out; won, lost and disqualified end it, and only another of them can follow.';
COMMENT ON COLUMN leads.stage_history.lead_id IS 'Opaque id of the lead.';
COMMENT ON COLUMN leads.stage_history.stage IS 'Name of the stage.';
COMMENT ON COLUMN leads.stage_history.entered_at IS 'When the lead entered it.';
COMMENT ON COLUMN leads.stage_history.left_at IS 'When it entered the next one; null in the last.';
COMMENT ON COLUMN leads.stage_history.seconds_in_stage IS 'Seconds from entered_at to left_at; null in the last.';
COMMENT ON COLUMN leads.stage_history.is_current IS 'True for the last stage of the lead.';

CREATE OR REPLACE VIEW leads.funnel_by_channel AS
WITH came AS (
    SELECT
        l.lead_id,
        coalesce(l.channel, 'unknown') AS channel,
        l.stage,
        CASE
            WHEN l.won_at IS NOT NULL THEN 6
            WHEN l.demo_scheduled_at IS NOT NULL THEN 5
            WHEN l.first_replied_at IS NOT NULL THEN 4
            WHEN l.first_sent_at IS NOT NULL THEN 3
            WHEN l.qualified_at IS NOT NULL THEN 2
            ELSE 1
        END AS furthest
    FROM leads.lead AS l
),
grouped AS (
    SELECT came.channel, came.stage, came.furthest, count(*) AS leads
    FROM came
    GROUP BY came.channel, came.stage, came.furthest
),
channels AS (
    SELECT DISTINCT grouped.channel FROM grouped
    UNION ALL
    SELECT NULL -- all channels together, also when there is no lead at all
),
counted AS (
    SELECT
        channels.channel,
        s.stage,
        s.position,
        s.is_end AND s.stage <> 'won' AS is_exit,
        coalesce(sum(grouped.leads) FILTER (
            WHERE CASE WHEN s.is_end AND s.stage <> 'won' THEN grouped.stage = s.stage ELSE grouped.furthest >= s.position END
        ), 0)::bigint AS reached,
        coalesce(sum(grouped.leads) FILTER (WHERE grouped.stage = s.stage), 0)::bigint AS current
    FROM channels
    CROSS JOIN leads.stage AS s
    LEFT JOIN grouped ON channels.channel IS NULL OR grouped.channel = channels.channel
    GROUP BY channels.channel, s.stage, s.position, s.is_end
),
timed AS (
    SELECT
        came.channel,
        h.stage,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY h.seconds_in_stage) AS median_seconds
    FROM leads.stage_history AS h
    JOIN came ON came.lead_id = h.lead_id
    WHERE h.seconds_in_stage IS NOT NULL
    GROUP BY GROUPING SETS ((came.channel, h.stage), (h.stage))
)
SELECT
    counted.channel,
    counted.stage,
    counted.position,
    counted.reached,
    counted.current,
    CASE WHEN NOT counted.is_exit THEN
        counted.reached::double precision / nullif(
            lag(counted.reached) OVER (PARTITION BY counted.channel ORDER BY counted.position), 0
        )
    END AS conversion_from_previous,
    timed.median_seconds AS median_seconds_in_stage
FROM counted
LEFT JOIN timed
    ON timed.stage = counted.stage
    AND timed.channel IS NOT DISTINCT FROM counted.channel;

COMMENT ON VIEW leads.funnel_by_channel IS 'The funnel: per channel and stage how many leads reached it, stand in it, and went on to it. The rows whose channel is null are about all channels together.';
COMMENT ON COLUMN leads.funnel_by_channel.channel IS 'Where the leads came from; unknown when their discovery is not known, null for all channels together.';
COMMENT ON COLUMN leads.funnel_by_channel.stage IS 'Name of the stage.';
COMMENT ON COLUMN leads.funnel_by_channel.position IS 'Its place, from 1.';
COMMENT ON COLUMN leads.funnel_by_channel.reached IS 'Number of leads that came at least this far, lost since or not: who answered counts as contacted, whatever was recorded. For lost and disqualified: number of leads that stand there.';
COMMENT ON COLUMN leads.funnel_by_channel.current IS 'Number of leads that stand in the stage.';
COMMENT ON COLUMN leads.funnel_by_channel.conversion_from_previous IS 'reached divided by reached of the stage before, from 0 to 1; null for discovered, lost and disqualified, and when nobody reached the stage before.';
COMMENT ON COLUMN leads.funnel_by_channel.median_seconds_in_stage IS 'Median of the seconds that leads spent in the stage, over those that left it; null when none did.';

CREATE OR REPLACE VIEW leads.funnel AS
SELECT
    f.stage,
    f.position,
    f.reached,
    f.current,
    f.conversion_from_previous,
    f.median_seconds_in_stage
FROM leads.funnel_by_channel AS f
WHERE f.channel IS NULL;

COMMENT ON VIEW leads.funnel IS 'The funnel over all channels: one row per stage.';
COMMENT ON COLUMN leads.funnel.stage IS 'Name of the stage.';
COMMENT ON COLUMN leads.funnel.position IS 'Its place, from 1.';
COMMENT ON COLUMN leads.funnel.reached IS 'Number of leads that came at least this far, as in funnel_by_channel.';
COMMENT ON COLUMN leads.funnel.current IS 'Number of leads that stand in the stage.';
COMMENT ON COLUMN leads.funnel.conversion_from_previous IS 'reached divided by reached of the stage before, from 0 to 1; null for discovered, lost and disqualified, and when nobody reached the stage before.';
COMMENT ON COLUMN leads.funnel.median_seconds_in_stage IS 'Median of the seconds that leads spent in the stage, over those that left it; null when none did.';
