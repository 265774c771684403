-- Locks what the agent has spent in this hour until the transaction ends: nobody else spends meanwhile.
INSERT INTO brainops.saga_spent AS spent (agent, hour, actions, cost)
VALUES ($1, date_trunc('hour', brainops.saga_clock()), 0, 0)
    ON CONFLICT (agent, hour) DO UPDATE SET actions = spent.actions
RETURNING hour, actions, cost, hour + interval '1 hour' AS until, xmax = 0 AS is_new
