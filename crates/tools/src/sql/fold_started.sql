-- What the log says of calls that were started: the highest attempt counts.
UPDATE brainops.tool_call AS call
   SET started_attempt = greatest(call.started_attempt, told.attempt),
       attempt = greatest(call.attempt, told.attempt),
       epoch = greatest(call.epoch, told.epoch)
  FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[]) AS told (source, id, attempt, epoch)
 WHERE call.source = told.source AND call.id = told.id
