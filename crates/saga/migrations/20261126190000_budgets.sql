-- What agents have spent of their budgets, and which sagas wait for the next hour.
CREATE TABLE IF NOT EXISTS brainops.saga_spent (
    agent   text        NOT NULL,
    hour    timestamptz NOT NULL,
    actions bigint      NOT NULL,
    cost    bigint      NOT NULL,
    PRIMARY KEY (agent, hour)
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS brainops.saga_over_budget (
    agent       text        NOT NULL,
    correlation text        NOT NULL,
    input       text        NOT NULL,
    until       timestamptz NOT NULL,
    PRIMARY KEY (agent, correlation)
);

CREATE INDEX IF NOT EXISTS saga_over_budget_until ON brainops.saga_over_budget (until);

COMMENT ON TABLE brainops.saga_spent IS 'One row per hour of an agent that has a budget: what its sagas have decided in it. Kept for two days.';
COMMENT ON COLUMN brainops.saga_spent.agent IS 'Name of the agent.';
COMMENT ON COLUMN brainops.saga_spent.hour IS 'When the hour began, by the clock of Postgres.';
COMMENT ON COLUMN brainops.saga_spent.actions IS 'How many commands, intents, tasks, calls of tools and approvals were decided.';
COMMENT ON COLUMN brainops.saga_spent.cost IS 'What these cost at most, in the unit that the agent uses.';
COMMENT ON TABLE brainops.saga_over_budget IS 'One row per saga that stands since its agent had spent its budget; it goes on by itself.';
COMMENT ON COLUMN brainops.saga_over_budget.agent IS 'Name of the agent.';
COMMENT ON COLUMN brainops.saga_over_budget.correlation IS 'What the saga is about.';
COMMENT ON COLUMN brainops.saga_over_budget.input IS 'Position of the input at which it stands.';
COMMENT ON COLUMN brainops.saga_over_budget.until IS 'When it goes on, by the clock of Postgres.';
