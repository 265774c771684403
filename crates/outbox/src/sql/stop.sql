UPDATE brainops.outbox_partition AS place
SET stopped_reason = stop.reason,
    stopped_at = CASE WHEN stop.reason IS NULL THEN NULL ELSE coalesce(place.stopped_at, clock_timestamp()) END
FROM unnest($1::text[], $2::integer[], $3::text[]) AS stop (topic, partition, reason)
WHERE place.topic = stop.topic AND place.partition = stop.partition
    AND place.stopped_reason IS DISTINCT FROM stop.reason
