-- Moves the checkpoints of a batch over their half-open intervals, each only if it is where the caller left it and
-- still the caller's. What comes back has moved; the rest was lost to another owner.
mine AS (
    SELECT held.topic, held.partition, span.through, span.last_digest, span.last_recorded_at
      FROM {spans} AS span (topic, partition, topic_id, epoch, from_offset, through, last_digest, last_recorded_at)
      JOIN {table} AS held
        ON held.topic = span.topic
       AND held.partition = span.partition
       AND held.topic_id = span.topic_id
       AND held.epoch = span.epoch
       AND held.next_offset = span.from_offset
       {is_owned}
     ORDER BY held.topic, held.partition -- one order of locks for everybody
       FOR UPDATE OF held
), moved AS (
    UPDATE {table} AS held
       SET next_offset = mine.through,
           last_digest = mine.last_digest,
           last_recorded_at = mine.last_recorded_at,
           updated_at = now()
      FROM mine
     WHERE held.topic = mine.topic
       AND held.partition = mine.partition
       {is_owned}
    RETURNING held.topic, held.partition
)
