-- Counts the records of a batch that come behind subjects which are parked already.
UPDATE {generation}.parked AS parked
   SET held = parked.held + more.held,
       last_offset = more.last_offset
  FROM UNNEST($1::text[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[])
       AS more (topic, partition, subject, held, last_offset)
 WHERE parked.topic = more.topic
   AND parked.partition = more.partition
   AND parked.subject = more.subject
