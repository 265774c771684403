SELECT row.outbox_id, row.topic, row.partition, row.send_no, record.key, record.headers::text AS headers, record.value,
    (SELECT gate.outbox_id FROM brainops.outbox AS gate
     WHERE gate.outbox_id = record.gate AND gate.log_offset IS NULL) AS gate
FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted (outbox_id, nth)
JOIN brainops.outbox AS row USING (outbox_id)
JOIN brainops.outbox_record AS record USING (outbox_id)
ORDER BY wanted.nth
