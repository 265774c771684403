INSERT INTO brainops.reservation (source, id, digest, topic, partition, log_offset, recorded_at)
SELECT source, id, digest, topic, partition, log_offset, recorded_at
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::integer[], $6::bigint[], $7::timestamptz[])
    AS seen (source, id, digest, topic, partition, log_offset, recorded_at)
ORDER BY source, id
ON CONFLICT (source, id) DO NOTHING
