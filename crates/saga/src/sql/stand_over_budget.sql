-- Notes where sagas stand until the next hour; one that stands there already keeps its time.
INSERT INTO brainops.saga_over_budget AS held (agent, correlation, input, until)
SELECT $1, stands.correlation, stands.input, date_trunc('hour', brainops.saga_clock()) + interval '1 hour'
  FROM unnest($2::text[], $3::text[]) AS stands (correlation, input)
    ON CONFLICT (agent, correlation) DO UPDATE
       SET input = excluded.input, until = excluded.until
     WHERE held.input <> excluded.input
