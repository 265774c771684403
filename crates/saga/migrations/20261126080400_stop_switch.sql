-- The stop switch: one row per agent that was ever stopped, and one for all of them together.
CREATE TABLE IF NOT EXISTS brainops.saga_switch (
    agent      text        NOT NULL PRIMARY KEY,
    number     bigint      NOT NULL,
    is_stopped boolean     NOT NULL,
    decided_by text        NOT NULL,
    reason     text        NOT NULL,
    decided_at timestamptz NOT NULL
);

COMMENT ON TABLE brainops.saga_switch IS 'One row per agent that was ever stopped, and one for all of them: whether it is now.';
COMMENT ON COLUMN brainops.saga_switch.agent IS 'Name of the agent; * for all of them.';
COMMENT ON COLUMN brainops.saga_switch.number IS 'How often it was stopped or started, as the event in the log says.';
COMMENT ON COLUMN brainops.saga_switch.is_stopped IS 'Whether nothing is reacted to.';
COMMENT ON COLUMN brainops.saga_switch.decided_by IS 'Who decided: an opaque id of a person.';
COMMENT ON COLUMN brainops.saga_switch.reason IS 'Why, in their words, without personal data.';
COMMENT ON COLUMN brainops.saga_switch.decided_at IS 'When, by the clock of whoever told it.';

-- Holds the switch for this transaction, so that nobody can throw it before the end of it, and then looks at it: by a
-- statement of its own, which sees what was committed while the first one waited.
CREATE OR REPLACE FUNCTION brainops.saga_hold_switch(wanted text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('brainops.saga_switch', 0));
    RETURN EXISTS (SELECT FROM brainops.saga_switch AS switch WHERE switch.is_stopped AND switch.agent IN ('*', wanted));
END
$$;

COMMENT ON FUNCTION brainops.saga_hold_switch(text) IS 'Whether this agent is stopped; as long as the transaction lasts, that does not change.';
