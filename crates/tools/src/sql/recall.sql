-- Calls that the executor $1 has claimed on the way, by their requests: $2 sources, $3 ids, $4 partitions, $5 offsets. One that
-- was asked for again is another's: it stands in the table with the place of its first request.
SELECT {columns}
  FROM brainops.tool_call
  JOIN unnest($2::text[], $3::text[], $4::integer[], $5::bigint[]) AS asked (source, id, partition, record_offset)
 USING (source, id, partition, record_offset)
 WHERE executor = $1 AND state = 'claimed'
