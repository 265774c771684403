-- How far each partition is, and why it stands for good if it does: what was shut down or interrupted may go on.
SELECT held.topic,
       held.partition,
       held.topic_id,
       held.next_offset,
       CASE WHEN seen.state = 'stopped' AND seen.reason_class NOT IN ('ShutDown', 'Interrupted') AND seen.epoch = held.epoch
            THEN concat_ws(' ', seen.reason_class, 'at', coalesce(seen.at_position, seen.topic || '/' || seen.partition), seen.reason)
        END AS standing
  FROM {generation}.checkpoint AS held
  LEFT JOIN brainops.progress AS seen
    ON seen.read_model = '{schema}'
   AND seen.generation = {number}
   AND seen.topic = held.topic
   AND seen.partition = held.partition
