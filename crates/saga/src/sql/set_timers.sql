INSERT INTO brainops.saga_timer (setting, agent, correlation, run, name, deadline)
SELECT setting, $1, correlation, run, name, deadline
  FROM unnest($2::text[], $3::text[], $4::integer[], $5::text[], $6::timestamptz[])
       AS new (setting, correlation, run, name, deadline)
    ON CONFLICT (setting) DO NOTHING
