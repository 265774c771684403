-- Derived views of the read model `operations`, over the base views of the serving generation only.
-- Times are times of happening.

CREATE OR REPLACE VIEW operations.alert_span AS
SELECT
    spanned.subject,
    spanned.starts_at,
    spanned.alert_name,
    spanned.service,
    spanned.environment,
    spanned.severity,
    CASE lower(spanned.severity)
        WHEN 'critical' THEN 4
        WHEN 'page' THEN 4
        WHEN 'error' THEN 3
        WHEN 'high' THEN 3
        WHEN 'warning' THEN 2
        WHEN 'medium' THEN 2
        WHEN 'info' THEN 1
        WHEN 'low' THEN 1
        ELSE 0
    END AS severity_rank,
    -- One alert cannot fire twice at once: where its end was never told, its next start is its end.
    coalesce(spanned.ends_at, spanned.next_starts_at) AS over_at,
    spanned.ends_at IS NULL AND spanned.next_starts_at IS NOT NULL AS is_end_assumed
FROM (
    SELECT
        a.*,
        lead(a.starts_at) OVER (PARTITION BY a.subject ORDER BY a.starts_at) AS next_starts_at
    FROM operations.alert AS a
) AS spanned;

COMMENT ON VIEW operations.alert_span IS 'Alerts with the span in which each fired and a rank for its severity.';
COMMENT ON COLUMN operations.alert_span.subject IS 'The alert at its monitor: name of the monitor, a slash, fingerprint.';
COMMENT ON COLUMN operations.alert_span.starts_at IS 'When it began to fire.';
COMMENT ON COLUMN operations.alert_span.alert_name IS 'Name of the alerting rule.';
COMMENT ON COLUMN operations.alert_span.service IS 'Service the alert is about; null when its labels do not say.';
COMMENT ON COLUMN operations.alert_span.environment IS 'Environment the alert is about; null when its labels do not say.';
COMMENT ON COLUMN operations.alert_span.severity IS 'Severity as labelled; null when not labelled.';
COMMENT ON COLUMN operations.alert_span.severity_rank IS '4 critical or page, 3 error or high, 2 warning or medium, 1 info or low, 0 anything else.';
COMMENT ON COLUMN operations.alert_span.over_at IS 'When it ended: as told, else when the same alert next began to fire; null while it fires.';
COMMENT ON COLUMN operations.alert_span.is_end_assumed IS 'True when over_at is the next start, because the end was never told.';

CREATE OR REPLACE VIEW operations.incident AS
SELECT
    (array_agg(island.subject ORDER BY island.starts_at, island.subject COLLATE "C"))[1]
        || '@' || (extract(epoch FROM min(island.starts_at)) * 1000)::bigint AS incident_id,
    island.service,
    min(island.starts_at) AS started_at,
    CASE WHEN bool_and(island.over_at IS NOT NULL) THEN max(island.over_at) END AS resolved_at,
    extract(epoch FROM
        CASE WHEN bool_and(island.over_at IS NOT NULL) THEN max(island.over_at) END - min(island.starts_at)
    )::double precision AS duration_seconds,
    count(*) AS alerts,
    count(*) FILTER (WHERE island.over_at IS NULL) AS firing,
    (array_agg(island.severity ORDER BY island.severity_rank DESC, island.starts_at, island.subject COLLATE "C"))[1]
        AS worst_severity,
    array_agg(DISTINCT island.alert_name) AS alert_names,
    coalesce(array_agg(DISTINCT island.environment) FILTER (WHERE island.environment IS NOT NULL), '{}') AS environments
FROM (
    SELECT
        begun.*,
        count(*) FILTER (WHERE begun.begins) OVER along AS number
    FROM (
        SELECT
            s.*,
            CASE WHEN s.service IS NULL THEN s.alert_name END AS apart,
            -- A new incident begins where all alerts before are over; one that touches goes on.
            coalesce(s.starts_at > max(coalesce(s.over_at, 'infinity')) OVER (
                PARTITION BY s.service, CASE WHEN s.service IS NULL THEN s.alert_name END
                ORDER BY s.starts_at, s.subject COLLATE "C"
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), true) AS begins
        FROM operations.alert_span AS s
    ) AS begun
    WINDOW along AS (
        PARTITION BY begun.service, begun.apart ORDER BY begun.starts_at, begun.subject COLLATE "C"
        ROWS UNBOUNDED PRECEDING
    )
) AS island
GROUP BY island.service, island.apart, island.number;

COMMENT ON VIEW operations.incident IS 'Incidents: alerts of one service whose spans overlap or touch, gathered. Alerts that name no service are gathered per alert name.';
COMMENT ON COLUMN operations.incident.incident_id IS 'The alert that began it and its start in milliseconds since the Unix epoch. It changes only when an earlier alert becomes known.';
COMMENT ON COLUMN operations.incident.service IS 'Service it is about; null when the alerts name none.';
COMMENT ON COLUMN operations.incident.started_at IS 'When its first alert began to fire.';
COMMENT ON COLUMN operations.incident.resolved_at IS 'When its last alert ended; null while one fires.';
COMMENT ON COLUMN operations.incident.duration_seconds IS 'Seconds from started_at to resolved_at; null while one fires.';
COMMENT ON COLUMN operations.incident.alerts IS 'Number of alerts, counted each time one fired.';
COMMENT ON COLUMN operations.incident.firing IS 'How many of them still fire.';
COMMENT ON COLUMN operations.incident.worst_severity IS 'Label of the alert of the highest severity_rank, the earliest of equal ones; null when that one has no label.';
COMMENT ON COLUMN operations.incident.alert_names IS 'Names of the alerting rules.';
COMMENT ON COLUMN operations.incident.environments IS 'Environments that the alerts name.';

CREATE OR REPLACE VIEW operations.incident_timeline AS
SELECT
    told.incident_id,
    told.happened_at,
    told.kind,
    told.alert,
    told.alert_starts_at,
    told.alert_name,
    told.environment,
    told.severity,
    told.level,
    told.person,
    (row_number() OVER (
        PARTITION BY told.incident_id
        -- Of one moment, what opens comes first and what ends comes last.
        ORDER BY told.happened_at, array_position(
            ARRAY['opened', 'joined', 'alert_ended', 'escalated', 'acknowledged', 'resolved'], told.kind
        ), told.name COLLATE "C"
    ))::integer AS position
FROM (
    SELECT
        e.incident_id, e.happened_at, e.kind, e.alert, e.alert_starts_at, e.alert_name, e.environment, e.severity,
        e.level, e.person, e.entry AS name
    FROM operations.incident_entry AS e
    UNION ALL
    SELECT
        e.incident_id, a.ends_at, 'alert_ended', e.alert, e.alert_starts_at, e.alert_name, e.environment, e.severity,
        NULL, NULL, e.entry
    FROM operations.incident_entry AS e
    JOIN operations.alert AS a ON a.subject = e.alert AND a.starts_at = e.alert_starts_at
    WHERE a.ends_at IS NOT NULL
) AS told;

COMMENT ON VIEW operations.incident_timeline IS 'What happened to each incident, in order: what was said of it, and when the alerts that it gathered ended.';
COMMENT ON COLUMN operations.incident_timeline.incident_id IS 'Opaque id of the incident.';
COMMENT ON COLUMN operations.incident_timeline.happened_at IS 'When it happened: by the clock of the log, for the end of an alert as its monitor says.';
COMMENT ON COLUMN operations.incident_timeline.kind IS 'opened, joined, acknowledged, escalated, resolved; alert_ended for the end of an alert that it gathered.';
COMMENT ON COLUMN operations.incident_timeline.alert IS 'The alert: name of the monitor, a slash, fingerprint; null when it is about none.';
COMMENT ON COLUMN operations.incident_timeline.alert_starts_at IS 'When that alert began to fire.';
COMMENT ON COLUMN operations.incident_timeline.alert_name IS 'Name of its alerting rule.';
COMMENT ON COLUMN operations.incident_timeline.environment IS 'Environment that it is about; null when its labels do not say.';
COMMENT ON COLUMN operations.incident_timeline.severity IS 'Its severity as labelled; null when not labelled.';
COMMENT ON COLUMN operations.incident_timeline.level IS 'Which escalation it is, from 1; null for other kinds.';
COMMENT ON COLUMN operations.incident_timeline.person IS 'Who took charge, or said that it is over; null for other kinds.';
COMMENT ON COLUMN operations.incident_timeline.position IS 'Its place in the timeline, from 1.';

CREATE OR REPLACE VIEW operations.incident_response AS
SELECT
    c.incident_id,
    c.status,
    c.service,
    c.opened_at,
    coalesce(gathered.alerts, 0) AS alerts,
    gathered.worst_severity,
    extract(epoch FROM c.acknowledged_at - c.opened_at)::double precision AS seconds_to_acknowledge,
    extract(epoch FROM c.resolved_at - c.opened_at)::double precision AS seconds_to_resolve,
    c.escalation_level
FROM operations.incident_case AS c
LEFT JOIN (
    SELECT
        e.incident_id,
        count(*) AS alerts,
        (array_agg(e.severity ORDER BY s.severity_rank DESC NULLS LAST, e.happened_at, e.entry COLLATE "C"))[1]
            AS worst_severity
    FROM operations.incident_entry AS e
    LEFT JOIN operations.alert_span AS s ON s.subject = e.alert AND s.starts_at = e.alert_starts_at
    WHERE e.kind IN ('opened', 'joined')
    GROUP BY e.incident_id
) AS gathered ON gathered.incident_id = c.incident_id;

COMMENT ON VIEW operations.incident_response IS 'How incidents were responded to: how many alerts each gathered, how soon somebody took charge, how soon it was over.';
COMMENT ON COLUMN operations.incident_response.incident_id IS 'Opaque id of the incident.';
COMMENT ON COLUMN operations.incident_response.status IS 'open, acknowledged or resolved.';
COMMENT ON COLUMN operations.incident_response.service IS 'Service it is about; null when its alerts name none.';
COMMENT ON COLUMN operations.incident_response.opened_at IS 'When it was opened; null when that is not known.';
COMMENT ON COLUMN operations.incident_response.alerts IS 'Number of alerts that it gathered, counted each time one fired.';
COMMENT ON COLUMN operations.incident_response.worst_severity IS 'Label of the gathered alert of the highest rank (as in alert_span), the earliest of equal ones; null when that one has no label.';
COMMENT ON COLUMN operations.incident_response.seconds_to_acknowledge IS 'Seconds from its opening until somebody took charge; null when nobody has.';
COMMENT ON COLUMN operations.incident_response.seconds_to_resolve IS 'Seconds from its opening until it was said to be over; null while it is not.';
COMMENT ON COLUMN operations.incident_response.escalation_level IS 'How often it was escalated.';
