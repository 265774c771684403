-- What generation {generation} has parked and generation {serving} has not: such subjects would stand still for readers.
SELECT fresh.topic, fresh.partition, fresh.subject, fresh.record_offset, fresh.reason_code, fresh.reason
  FROM {generation}.parked AS fresh
 WHERE NOT EXISTS (SELECT 1
                     FROM {serving}.parked AS known
                    WHERE known.topic = fresh.topic
                      AND known.partition = fresh.partition
                      AND CASE WHEN fresh.subject IS NULL THEN known.record_offset = fresh.record_offset
                               ELSE known.subject = fresh.subject
                          END)
 ORDER BY fresh.topic, fresh.partition, fresh.record_offset
