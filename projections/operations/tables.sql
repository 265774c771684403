-- Tables of one generation of the read model `operations`. `{generation}` is the generation's schema.
-- A row belongs to one alert of one monitor, which is one subject of the topic `monitor`.

CREATE TABLE {generation}.alert (
    subject             text        NOT NULL,
    starts_at           timestamptz NOT NULL,
    fingerprint         text        NOT NULL,
    alert_name          text        NOT NULL,
    service             text,
    environment         text,
    severity            text,
    labels              jsonb       NOT NULL,
    ends_at             timestamptz,
    status              text        NOT NULL CHECK (status IN ('firing', 'resolved')),
    generator_url       text,
    changed_by_source   text        NOT NULL,
    changed_by_id       text        NOT NULL,
    changed_at_position text        NOT NULL,
    PRIMARY KEY (subject, starts_at),
    CHECK ((status = 'resolved') = (ends_at IS NOT NULL))
);
CREATE INDEX ON {generation}.alert (starts_at);

COMMENT ON TABLE {generation}.alert IS 'Alerts, one row each time one fires: per subject and start, from monitor.alert.fired and monitor.alert.resolved.';
COMMENT ON COLUMN {generation}.alert.subject IS 'The alert at its monitor: name of the monitor, a slash, fingerprint.';
COMMENT ON COLUMN {generation}.alert.starts_at IS 'When it began to fire.';
COMMENT ON COLUMN {generation}.alert.fingerprint IS 'Identity of the alert at the monitor: equal labels, equal fingerprint.';
COMMENT ON COLUMN {generation}.alert.alert_name IS 'Name of the alerting rule.';
COMMENT ON COLUMN {generation}.alert.service IS 'Service the alert is about; null when its labels do not say.';
COMMENT ON COLUMN {generation}.alert.environment IS 'Environment the alert is about; null when its labels do not say.';
COMMENT ON COLUMN {generation}.alert.severity IS 'Severity as labelled, such as critical; null when not labelled.';
COMMENT ON COLUMN {generation}.alert.labels IS 'Labels as the monitor sent them: a JSON object of strings.';
COMMENT ON COLUMN {generation}.alert.ends_at IS 'When it ended (the latest that was said); null while it fires.';
COMMENT ON COLUMN {generation}.alert.status IS 'firing or resolved. A resolved one does not fire again: another start is another row.';
COMMENT ON COLUMN {generation}.alert.generator_url IS 'Where the monitor shows the expression behind the alert; null when not given.';
COMMENT ON COLUMN {generation}.alert.changed_by_source IS 'Source of the event that last changed this row.';
COMMENT ON COLUMN {generation}.alert.changed_by_id IS 'Id, within its source, of the event that last changed this row.';
COMMENT ON COLUMN {generation}.alert.changed_at_position IS 'Where that event stands in the log: topic/partition@offset.';
