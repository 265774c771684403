-- What the log holds about a saga: what was said of it, and what it has decided. $1 its subject in the topic saga, $2 its
-- correlation id, $3 how many of the latest.
SELECT recorded_at, type, source, id, subject, causation_id, changed_at_position AS position
  FROM (SELECT * FROM events.event WHERE subject = $1
        UNION ALL
        SELECT * FROM events.event WHERE correlation_id = $2 AND subject <> $1) AS told
 ORDER BY recorded_at DESC, topic DESC, partition DESC, log_offset DESC
 LIMIT $3
