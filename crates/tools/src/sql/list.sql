-- Calls for people, the newest first: $1 tool, $2 state (none: all), $3 how many.
SELECT {columns}
  FROM brainops.tool_call
 WHERE ($1::text IS NULL OR tool = $1) AND ($2::text IS NULL OR state = $2)
 ORDER BY recorded_at DESC, source, id
 LIMIT $3
