-- Decisions about records that the caller has moved past, in the order in which they were said.
SELECT asked.topic, asked.partition, asked.record_offset, asked.kind,
       asked.about_topic, asked.about_partition, asked.about_offset
  FROM {generation}.decision AS asked
  JOIN UNNEST($1::text[], $2::integer[], $3::bigint[]) AS mine (topic, partition, next_offset)
    ON mine.topic = asked.about_topic
   AND mine.partition = asked.about_partition
   AND mine.next_offset > asked.about_offset
 WHERE asked.state = 'pending'
 ORDER BY asked.topic, asked.partition, asked.record_offset
 LIMIT 100
