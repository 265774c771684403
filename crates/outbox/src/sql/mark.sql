UPDATE brainops.outbox
SET send_no = coalesce(outbox.send_no, mark.send_no), log_offset = mark.log_offset, recorded_at = mark.recorded_at,
    acked_at = clock_timestamp()
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[])
    AS mark (outbox_id, send_no, log_offset, recorded_at)
WHERE outbox.outbox_id = mark.outbox_id AND outbox.log_offset IS NULL
