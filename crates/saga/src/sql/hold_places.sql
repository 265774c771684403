-- Rows for instances that may begin in this transaction; who finds one there already has to wait for its owner.
INSERT INTO brainops.saga (agent, correlation, run, version, revision, phase, status, state, book, kept, last_input_at)
SELECT $1, correlation, 1, 0, 0, 'early', 'early', 'null', '{}', 0, now()
  FROM unnest($2::text[]) AS correlation
 ORDER BY correlation
    ON CONFLICT (agent, correlation) DO NOTHING
RETURNING correlation
