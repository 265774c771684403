-- Places of records that cannot be read, each once.
INSERT INTO {table} (topic, partition, record_offset, reason)
SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[])
    ON CONFLICT DO NOTHING
