-- The one table of a read model of the bench; `{generation}` is the schema of a generation. The peer fills the same
-- table under another name. Autovacuum would come at another moment in each round, so it is off.
CREATE TABLE {generation}.line (
    subject     text             NOT NULL,
    line        integer          NOT NULL,
    event_id    text             NOT NULL,
    seq         bigint           NOT NULL,
    occurred_at timestamptz      NOT NULL,
    amount      double precision NOT NULL,
    price       double precision NOT NULL,
    qty         bigint           NOT NULL,
    version     bigint           NOT NULL,
    status      text             NOT NULL,
    currency    text             NOT NULL,
    actor       text             NOT NULL,
    note        text             NOT NULL,
    PRIMARY KEY (subject, line)
) WITH (autovacuum_enabled = false);

COMMENT ON TABLE {generation}.line IS 'Lines of orders, each as the last event about it has set it.';
COMMENT ON COLUMN {generation}.line.subject IS 'The order.';
COMMENT ON COLUMN {generation}.line.line IS 'Number of the line within the order.';
COMMENT ON COLUMN {generation}.line.event_id IS 'Id of the event.';
COMMENT ON COLUMN {generation}.line.seq IS 'Number of the event.';
COMMENT ON COLUMN {generation}.line.occurred_at IS 'When it happened.';
COMMENT ON COLUMN {generation}.line.amount IS 'An amount.';
COMMENT ON COLUMN {generation}.line.price IS 'A price.';
COMMENT ON COLUMN {generation}.line.qty IS 'A quantity.';
COMMENT ON COLUMN {generation}.line.version IS 'A version.';
COMMENT ON COLUMN {generation}.line.status IS 'A status.';
COMMENT ON COLUMN {generation}.line.currency IS 'A currency.';
COMMENT ON COLUMN {generation}.line.actor IS 'Who did it.';
COMMENT ON COLUMN {generation}.line.note IS 'A text.';
