-- Sagas for people, by agent and correlation; $1 agent, $2 status, $3 those with an open wait or a parked input since
-- before then, $4 and $5 after this one, $6 how many, $7 those that stand over their agent's budget,
-- or others.
SELECT agent, correlation, run, version, revision, phase, status, state::text AS state, book::text AS book, kept, last_input_at
  FROM brainops.saga
 WHERE revision > 0
   AND ($1::text IS NULL OR agent = $1)
   AND (CASE WHEN $2::text IS NULL THEN status <> 'ended' WHEN $2 = 'all' THEN true ELSE status = $2 END)
   AND ($3::timestamptz IS NULL
        OR (book -> 'parked' ->> 'since')::timestamptz < $3
        OR (status = 'paused' AND last_input_at < $3)
        OR EXISTS (SELECT FROM json_array_elements(book -> 'waits') AS wait
                    WHERE (wait ->> 'since')::timestamptz < $3))
   AND ($7::boolean IS NULL OR coalesce(book -> 'parked' ->> 'class' = 'over_budget', false) = $7)
   AND ($4::text IS NULL OR (agent, correlation) > ($4, $5))
 ORDER BY agent, correlation
 LIMIT $6
