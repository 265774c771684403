-- Sets records aside, in the transaction that moves the checkpoint past them.
INSERT INTO {generation}.parked (topic, partition, record_offset, reason_code, reason, event_source, event_id, recorded_at,
                                 subject, last_offset, held)
SELECT * FROM UNNEST($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
                     $9::text[], $10::bigint[], $11::bigint[])
    ON CONFLICT DO NOTHING -- the caller counts: what is there already must not be
