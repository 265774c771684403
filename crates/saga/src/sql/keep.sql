INSERT INTO brainops.saga_kept (agent, correlation, number, input)
SELECT $1, correlation, number, input::json
  FROM unnest($2::text[], $3::bigint[], $4::text[]) AS new (correlation, number, input)
