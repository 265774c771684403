-- Derived views of the read model `events`, over the base views of the serving generation only.

CREATE OR REPLACE VIEW events.event_type AS
SELECT
    e.topic,
    e.type,
    count(*) AS events,
    min(e.recorded_at) AS first_recorded_at,
    max(e.recorded_at) AS last_recorded_at,
    min(e.happened_at) AS first_happened_at,
    max(e.happened_at) AS last_happened_at
FROM events.event AS e
GROUP BY e.topic, e.type;

COMMENT ON VIEW events.event_type IS 'How many events of each type there are, and from when to when.';
COMMENT ON COLUMN events.event_type.topic IS 'Full name of the topic.';
COMMENT ON COLUMN events.event_type.type IS 'What happened, such as lead.discovered.';
COMMENT ON COLUMN events.event_type.events IS 'Number of events.';
COMMENT ON COLUMN events.event_type.first_recorded_at IS 'When the log took the first of them.';
COMMENT ON COLUMN events.event_type.last_recorded_at IS 'When the log took the last of them.';
COMMENT ON COLUMN events.event_type.first_happened_at IS 'When the earliest of them happened.';
COMMENT ON COLUMN events.event_type.last_happened_at IS 'When the latest of them happened.';

CREATE OR REPLACE VIEW events.repeat AS
SELECT
    i.source,
    i.id,
    count(*) AS times,
    min(i.recorded_at) AS first_recorded_at,
    max(i.recorded_at) AS last_recorded_at,
    array_agg(e.changed_at_position ORDER BY i.recorded_at, i.topic, i.partition, i.log_offset) AS positions,
    array_agg(i.recorded_at ORDER BY i.recorded_at, i.topic, i.partition, i.log_offset) AS recorded_at,
    count(DISTINCT (i.topic, i.partition)) AS partitions,
    -- What is said of the event itself: who sent it, when the log took it and the id of its schema may differ. A time
    -- of happening that was not given is the recorded one, and says nothing.
    count(DISTINCT (
        e.type, e.subject, nullif(e.happened_at, e.recorded_at), e.correlation_id, e.causation_id, e.schema_name, e.trust
    )) > 1 AS envelope_differs
FROM (
    -- The identities alone first: no row of `event` is read but those that repeat.
    SELECT o.source, o.id
    FROM events.identity AS o
    GROUP BY o.source, o.id
    HAVING count(*) > 1
) AS r
JOIN events.identity AS i ON i.source = r.source AND i.id = r.id
JOIN events.event AS e
    ON e.topic = i.topic
    AND e.partition = i.partition
    AND e.log_offset = i.log_offset
    AND e.recorded_at = i.recorded_at
GROUP BY i.source, i.id;

COMMENT ON VIEW events.repeat IS 'Events that stand in the log more than once and were not taken for duplicates: more than 65,536 offsets apart, or in different partitions or topics. Every read model has counted them each time.';
COMMENT ON COLUMN events.repeat.source IS 'Source of the event.';
COMMENT ON COLUMN events.repeat.id IS 'Id of the event within its source.';
COMMENT ON COLUMN events.repeat.times IS 'How often it was accepted.';
COMMENT ON COLUMN events.repeat.first_recorded_at IS 'When the log first took it.';
COMMENT ON COLUMN events.repeat.last_recorded_at IS 'When the log last took it.';
COMMENT ON COLUMN events.repeat.positions IS 'Where the log has it: topic/partition@offset, in the order in which they were recorded.';
COMMENT ON COLUMN events.repeat.recorded_at IS 'When the log took each of them, in the same order.';
COMMENT ON COLUMN events.repeat.partitions IS 'In how many partitions it stands; 1: in one partition, too far apart.';
COMMENT ON COLUMN events.repeat.envelope_differs IS 'Whether the records say different things: type, subject, time of happening, flow, cause, name of the schema or trust. Then two events share one identity.';
