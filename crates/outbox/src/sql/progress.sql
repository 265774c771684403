UPDATE brainops.outbox_partition AS place
SET confirmed_send_no = greatest(place.confirmed_send_no, progress.confirmed),
    read_through = greatest(place.read_through, progress.read_through)
FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[])
    AS progress (topic, partition, confirmed, read_through)
WHERE place.topic = progress.topic AND place.partition = progress.partition
