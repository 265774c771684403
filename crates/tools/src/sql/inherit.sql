-- Claims up to $2 calls for the executor $1 that were in the hands of the executor $3, which has ended; or, where $3 is null,
-- calls of which only the log knows that they were started.
UPDATE brainops.tool_call AS call
   SET state = 'claimed', executor = $1, attempt = call.attempt + 1,
       epoch = greatest(call.epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
 WHERE (source, id) IN (SELECT source, id
                          FROM brainops.tool_call
                         WHERE CASE WHEN $3::text IS NULL THEN state = 'waiting' AND started_attempt IS NOT NULL
                                    ELSE state = 'claimed' AND executor = $3 END
                         ORDER BY recorded_at, source, id
                         LIMIT $2
                           FOR UPDATE SKIP LOCKED)
RETURNING {columns}
