-- What the log says of calls that have ended: the first end counts.
UPDATE brainops.tool_call AS call
   SET state = told.state, ended_at = told.ended_at, arguments = NULL
  FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS told (source, id, state, ended_at)
 WHERE call.source = told.source AND call.id = told.id AND call.state IN ('waiting', 'claimed')
