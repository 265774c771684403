-- What is parked in a generation, each with the first decision about it that waits to be carried out.
SELECT parked.topic,
       parked.partition,
       parked.record_offset,
       parked.subject,
       coalesce(parked.last_offset, parked.record_offset) AS last_offset,
       parked.held,
       parked.reason_code,
       parked.reason,
       parked.event_source,
       parked.event_id,
       parked.recorded_at,
       parked.parked_at,
       asked.topic AS decision_topic,
       asked.partition AS decision_partition,
       asked.record_offset AS decision_offset,
       asked.kind,
       asked.decided_by,
       asked.reason AS decision_reason,
       asked.recorded_at AS decided_at
  FROM {generation}.parked AS parked
  LEFT JOIN LATERAL (
           SELECT *
             FROM {generation}.decision AS one
            WHERE one.state = 'pending'
              AND one.about_topic = parked.topic
              AND one.about_partition = parked.partition
              AND one.about_offset = parked.record_offset
            ORDER BY one.topic, one.partition, one.record_offset
            LIMIT 1
       ) AS asked ON true
 ORDER BY parked.topic, parked.partition, parked.record_offset
