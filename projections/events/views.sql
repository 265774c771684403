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
    e.source,
    e.id,
    count(*) AS times,
    min(e.recorded_at) AS first_recorded_at,
    max(e.recorded_at) AS last_recorded_at,
    array_agg(e.changed_at_position ORDER BY e.recorded_at, e.topic, e.partition, e.log_offset) AS positions
FROM events.event AS e
GROUP BY e.source, e.id
HAVING count(*) > 1;

COMMENT ON VIEW events.repeat IS 'Events that stand in the log more than once and were not taken for duplicates: more than 65,536 offsets apart, or in different partitions. Every read model has counted them each time.';
COMMENT ON COLUMN events.repeat.source IS 'Source of the event.';
COMMENT ON COLUMN events.repeat.id IS 'Id of the event within its source.';
COMMENT ON COLUMN events.repeat.times IS 'How often it was accepted.';
COMMENT ON COLUMN events.repeat.first_recorded_at IS 'When the log first took it.';
COMMENT ON COLUMN events.repeat.last_recorded_at IS 'When the log last took it.';
COMMENT ON COLUMN events.repeat.positions IS 'Where the log has it: topic/partition@offset, in the order in which they were recorded.';
