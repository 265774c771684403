-- Sagas that wait for the next hour of a budget go on in the order in which they began to wait.
ALTER TABLE brainops.saga_over_budget ADD COLUMN IF NOT EXISTS number bigint GENERATED ALWAYS AS IDENTITY;
COMMENT ON COLUMN brainops.saga_over_budget.number IS 'Place in the order in which sagas began to stand.';
