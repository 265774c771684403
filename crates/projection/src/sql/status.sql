-- How a generation is, over all its partitions. A heartbeat of the last ten seconds counts as alive. Who was shut
-- down or interrupted in good order does not stand: nobody follows it just now.
SELECT count(*) AS partitions,
       count(*) FILTER (WHERE fresh.stands) AS stopped,
       count(*) FILTER (WHERE fresh.state = 'running' AND fresh.heartbeat_at > now() - interval '10 seconds') AS beating,
       -- A sum over some of the partitions would be a lag that nobody has.
       CASE WHEN count(*) = count(fresh.lag_offsets) THEN coalesce(sum(fresh.lag_offsets), 0)::bigint END AS lag_offsets,
       CASE WHEN count(*) = count(fresh.lag_seconds) THEN max(fresh.lag_seconds)::double precision END AS lag_seconds,
       (SELECT count(*) FROM {generation}.parked) AS parked,
       coalesce(
           array_agg(concat_ws(' ', fresh.reason_class, fresh.at_position, fresh.reason) ORDER BY fresh.topic, fresh.partition)
               FILTER (WHERE fresh.stands),
           '{}'
       ) AS reasons
  FROM (SELECT held.topic,
               held.partition,
               seen.state,
               coalesce(seen.state = 'stopped' AND seen.reason_class NOT IN ('ShutDown', 'Interrupted'), false) AS stands,
               seen.reason_class,
               seen.reason,
               seen.at_position,
               seen.heartbeat_at,
               greatest(seen.log_end_offset - held.next_offset, 0) AS lag_offsets,
               CASE WHEN held.next_offset >= seen.log_end_offset THEN 0 ELSE seen.lag_seconds END AS lag_seconds
          FROM {generation}.checkpoint AS held
          LEFT JOIN brainops.progress AS seen
            ON seen.read_model = '{schema}'
           AND seen.generation = {number}
           AND seen.topic = held.topic
           AND seen.partition = held.partition) AS fresh
