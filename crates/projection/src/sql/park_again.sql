-- What is held of a subject begins with another record now, or with the same one for another reason.
UPDATE {generation}.parked
   SET record_offset = $4,
       reason_code = $5,
       reason = $6,
       event_source = $7,
       event_id = $8,
       recorded_at = $9,
       last_offset = $10,
       held = $11
 WHERE topic = $1
   AND partition = $2
   AND record_offset = $3
