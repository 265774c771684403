-- Throws the switch of an agent for the $2-th time; nothing if somebody else has, meanwhile.
INSERT INTO brainops.saga_switch AS switch (agent, number, is_stopped, decided_by, reason, decided_at)
VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (agent) DO UPDATE
   SET number = excluded.number, is_stopped = excluded.is_stopped, decided_by = excluded.decided_by,
       reason = excluded.reason, decided_at = excluded.decided_at
 WHERE switch.number < excluded.number
