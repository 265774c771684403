-- Derived views of the read model `operations`, over the base views of the serving generation only.
-- Times are times of happening. What is overdue is told as of now.

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

CREATE OR REPLACE VIEW operations.saga_wait AS
SELECT
    waiting.agent,
    waiting.correlation,
    waiting.number,
    waiting.run,
    waiting.status,
    waiting.kind,
    waiting.reason,
    waiting.events,
    waiting.since_at,
    waiting.due_at,
    extract(epoch FROM now() - waiting.since_at)::double precision AS waits_seconds,
    -- The clock that fires timers may lie a little behind: a minute is no fault yet.
    coalesce(
        waiting.due_at < now() - interval '1 minute' OR waiting.since_at < now() - interval '168 hours', false
    ) AS is_overdue
FROM (
    SELECT
        s.agent, s.correlation, w.number::integer AS number, s.run, s.status, w.wait ->> 'kind' AS kind,
        w.wait ->> 'reason' AS reason,
        ARRAY(SELECT jsonb_array_elements_text(w.wait -> 'events')) AS events,
        (w.wait ->> 'since_at')::timestamptz AS since_at, (w.wait ->> 'due_at')::timestamptz AS due_at
    FROM operations.saga AS s
    CROSS JOIN LATERAL jsonb_array_elements(s.waits) WITH ORDINALITY AS w (wait, number)
    WHERE s.status NOT IN ('paused', 'parked', 'ended')
    UNION ALL
    SELECT
        s.agent, s.correlation, 1, s.run, s.status, CASE s.status WHEN 'early' THEN 'beginning' ELSE 'person' END,
        CASE s.status
            WHEN 'early' THEN 'its beginning'
            WHEN 'parked' THEN coalesce(s.parked_class || coalesce(' (' || s.parked_code || ')', ''), 'parked')
            ELSE coalesce('paused by ' || s.paused_by, 'paused')
        END,
        ARRAY[]::text[], s.status_since, NULL
    FROM operations.saga AS s
    WHERE s.status IN ('early', 'paused', 'parked')
) AS waiting;

COMMENT ON VIEW operations.saga_wait IS 'What sagas wait for: one row for each thing. One that a person holds waits for that person alone; one that has ended waits for nothing.';
COMMENT ON COLUMN operations.saga_wait.agent IS 'Name of the agent.';
COMMENT ON COLUMN operations.saga_wait.correlation IS 'What the saga is about: an opaque id.';
COMMENT ON COLUMN operations.saga_wait.number IS 'Which of the things that this saga waits for, from 1.';
COMMENT ON COLUMN operations.saga_wait.run IS 'Which saga of this correlation it is, from 1.';
COMMENT ON COLUMN operations.saga_wait.status IS 'early, running, compensating, paused or parked.';
COMMENT ON COLUMN operations.saga_wait.kind IS 'event, approval, task, timer, undo (the answer to an undo that was told), beginning (an event that begins it), or person: somebody has to decide, since it is paused or parked. Later programs may say others.';
COMMENT ON COLUMN operations.saga_wait.reason IS 'What for, in the words of the agent; the name of a timer; of a person why it is held.';
COMMENT ON COLUMN operations.saga_wait.events IS 'Types of the events that it waits for; one that ends in a star stands for all that begin so. Empty for a timer, a beginning and a person.';
COMMENT ON COLUMN operations.saga_wait.since_at IS 'Since when, by the clock of the log; null for a timer.';
COMMENT ON COLUMN operations.saga_wait.due_at IS 'When a timer is due; null for other kinds.';
COMMENT ON COLUMN operations.saga_wait.waits_seconds IS 'For how long it has waited, in seconds as of now; null for a timer.';
COMMENT ON COLUMN operations.saga_wait.is_overdue IS 'True for a timer that was due more than a minute ago, and for anything else that has been waited for for more than 168 hours, which is what brainops saga list --stuck takes for too long unless it is told otherwise.';

CREATE OR REPLACE VIEW operations.agent AS
SELECT
    known.agent,
    coalesce(sagas.early, 0) AS early,
    coalesce(sagas.running, 0) AS running,
    coalesce(sagas.compensating, 0) AS compensating,
    coalesce(sagas.paused, 0) AS paused,
    coalesce(sagas.parked, 0) AS parked,
    coalesce(sagas.ended, 0) AS ended,
    coalesce(waits.waiting, 0) AS waiting,
    coalesce(waits.overdue, 0) AS overdue,
    waits.oldest_wait_at,
    waits.next_due_at,
    sagas.last_input_at,
    stop.agent IS NOT NULL AS is_stopped,
    stop.decided_by AS stopped_by,
    stop.reason AS stopped_reason,
    stop.decided_at AS stopped_at
FROM (
    SELECT s.agent FROM operations.saga AS s
    UNION
    SELECT a.agent FROM operations.agent_switch AS a WHERE a.agent <> '*'
) AS known
LEFT JOIN (
    SELECT
        s.agent,
        count(*) FILTER (WHERE s.status = 'early') AS early,
        count(*) FILTER (WHERE s.status = 'running') AS running,
        count(*) FILTER (WHERE s.status = 'compensating') AS compensating,
        count(*) FILTER (WHERE s.status = 'paused') AS paused,
        count(*) FILTER (WHERE s.status = 'parked') AS parked,
        count(*) FILTER (WHERE s.status = 'ended') AS ended,
        max(s.last_input_at) AS last_input_at
    FROM operations.saga AS s
    GROUP BY s.agent
) AS sagas ON sagas.agent = known.agent
LEFT JOIN (
    SELECT
        w.agent,
        count(DISTINCT w.correlation) AS waiting,
        count(DISTINCT w.correlation) FILTER (WHERE w.is_overdue) AS overdue,
        min(w.since_at) AS oldest_wait_at,
        min(w.due_at) AS next_due_at
    FROM operations.saga_wait AS w
    GROUP BY w.agent
) AS waits ON waits.agent = known.agent
LEFT JOIN LATERAL (
    SELECT a.agent, a.decided_by, a.reason, a.decided_at
    FROM operations.agent_switch AS a
    WHERE a.is_stopped AND a.agent IN (known.agent, '*')
    ORDER BY a.agent = '*'
    LIMIT 1
) AS stop ON true;

COMMENT ON VIEW operations.agent IS 'Agents: how many sagas each has and how they stand, what waits longest, and whether it is stopped.';
COMMENT ON COLUMN operations.agent.agent IS 'Name of the agent: one that has a saga, or that was stopped or started by name.';
COMMENT ON COLUMN operations.agent.early IS 'Correlations whose inputs are set aside until a saga begins.';
COMMENT ON COLUMN operations.agent.running IS 'Sagas that run.';
COMMENT ON COLUMN operations.agent.compensating IS 'Sagas whose steps are undone.';
COMMENT ON COLUMN operations.agent.paused IS 'Sagas that a person has paused.';
COMMENT ON COLUMN operations.agent.parked IS 'Sagas that are parked.';
COMMENT ON COLUMN operations.agent.ended IS 'Sagas that have ended, of each correlation the last one.';
COMMENT ON COLUMN operations.agent.waiting IS 'Sagas that wait for something.';
COMMENT ON COLUMN operations.agent.overdue IS 'Sagas of which something is overdue, as in saga_wait.';
COMMENT ON COLUMN operations.agent.oldest_wait_at IS 'Since when the one waits that has waited longest; null when none does.';
COMMENT ON COLUMN operations.agent.next_due_at IS 'When its next timer is due; null when none is set.';
COMMENT ON COLUMN operations.agent.last_input_at IS 'When the log recorded the last input that a saga of it took; null when none has.';
COMMENT ON COLUMN operations.agent.is_stopped IS 'Whether it is stopped: by name, or with all agents.';
COMMENT ON COLUMN operations.agent.stopped_by IS 'Who has stopped it: an opaque id of a person; by name before with all. Null when it is not stopped.';
COMMENT ON COLUMN operations.agent.stopped_reason IS 'Why, in their words; null when it is not stopped.';
COMMENT ON COLUMN operations.agent.stopped_at IS 'Since when it is stopped, by the clock of the log; null when it is not.';
