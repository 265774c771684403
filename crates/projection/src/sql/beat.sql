-- One heartbeat for all partitions of an instance. The row of a newer owner is left alone.
INSERT INTO brainops.progress AS known (
    read_model, generation, topic, partition, instance, epoch, state, reason_class, reason, at_position,
    next_offset, log_end_offset, lag_offsets, lag_seconds, heartbeat_at
)
SELECT $1, $2, beat.topic, beat.partition, $3, beat.epoch, beat.state, beat.reason_class, beat.reason, beat.at_position,
       beat.next_offset, beat.log_end_offset, beat.lag_offsets, beat.lag_seconds, now()
  FROM UNNEST($4::text[], $5::integer[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[],
              $11::bigint[], $12::bigint[], $13::bigint[], $14::double precision[])
       AS beat (topic, partition, epoch, state, reason_class, reason, at_position,
                next_offset, log_end_offset, lag_offsets, lag_seconds)
 ORDER BY beat.topic, beat.partition
    ON CONFLICT (read_model, generation, topic, partition) DO UPDATE
   SET instance = EXCLUDED.instance,
       epoch = EXCLUDED.epoch,
       state = EXCLUDED.state,
       reason_class = EXCLUDED.reason_class,
       reason = EXCLUDED.reason,
       at_position = EXCLUDED.at_position,
       next_offset = EXCLUDED.next_offset,
       log_end_offset = EXCLUDED.log_end_offset,
       lag_offsets = EXCLUDED.lag_offsets,
       lag_seconds = EXCLUDED.lag_seconds,
       heartbeat_at = EXCLUDED.heartbeat_at
 WHERE known.epoch <= EXCLUDED.epoch
