-- Claims up to $2 calls that wait and were never started, the oldest first, for the executor $1. Those that another one is just
-- claiming are passed over, and so are those of agents that are stopped: the switch is a table of the sagas.
UPDATE brainops.tool_call AS call
   SET state = 'claimed', executor = $1, attempt = call.attempt + 1,
       epoch = greatest(call.epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
 WHERE (source, id) IN (SELECT source, id
                          FROM brainops.tool_call
                         WHERE state = 'waiting' AND started_attempt IS NULL
                           AND NOT (caller_kind = 'Agent'
                                    AND EXISTS (SELECT FROM brainops.saga_switch AS switch
                                                 WHERE switch.is_stopped AND switch.agent IN ('*', caller_name)))
                         ORDER BY recorded_at, source, id
                         LIMIT $2
                           FOR UPDATE SKIP LOCKED)
RETURNING {columns}
