INSERT INTO brainops.saga_unrouted (agent, topic, partition, record_offset, reason_class, code)
SELECT $1, topic, partition, record_offset, reason_class, code
  FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::text[], $6::text[])
       AS new (topic, partition, record_offset, reason_class, code)
    ON CONFLICT DO NOTHING
