UPDATE brainops.saga
   SET run = new.run, version = new.version, revision = new.revision, phase = new.phase, status = new.status,
       state = new.state::json, book = new.book::json, kept = new.kept, last_input_at = new.last_input_at,
       ended_at = CASE WHEN new.phase = 'ended' THEN brainops.saga_clock() END
  FROM unnest($2::text[], $3::integer[], $4::integer[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[],
              $10::integer[], $11::timestamptz[])
       AS new (correlation, run, version, revision, phase, status, state, book, kept, last_input_at)
 WHERE saga.agent = $1 AND saga.correlation = new.correlation
