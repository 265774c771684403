-- Notes where sagas stand until a time, now if none; one that stands there already keeps its time and its place.
INSERT INTO brainops.saga_over_budget AS held (agent, correlation, input, until)
SELECT $1, stands.correlation, stands.input, coalesce($4, brainops.saga_clock())
  FROM unnest($2::text[], $3::text[]) AS stands (correlation, input)
    ON CONFLICT (agent, correlation) DO UPDATE
       SET input = excluded.input, until = excluded.until, number = DEFAULT
     WHERE held.input <> excluded.input
