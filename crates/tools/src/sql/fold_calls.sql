-- Calls that were asked for. Those marked in $15 are claimed at once, by the executor $16; its claim has a number above that of
-- any claim before, those too that this table has forgotten; those of agents that are stopped wait. Answers with the calls
-- that are new.
INSERT INTO brainops.tool_call (source, id, subject, correlation_id, cause_path, caller_kind, caller_name, tool, arguments,
                                recorded_at, topic, partition, record_offset, calls_this_hour, state, attempt, epoch, executor)
SELECT source, id, subject, correlation_id, cause_path, caller_kind, caller_name, tool, arguments, recorded_at, $11,
       partition, record_offset, calls_this_hour,
       CASE WHEN takes THEN 'claimed' ELSE 'waiting' END, takes::integer,
       CASE WHEN takes THEN (extract(epoch FROM clock_timestamp()) * 1000000)::bigint ELSE 0 END,
       CASE WHEN takes THEN $16 END
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
              $10::timestamptz[], $12::integer[], $13::bigint[], $14::bigint[], $15::boolean[])
    AS asked (source, id, subject, correlation_id, cause_path, caller_kind, caller_name, tool, arguments, recorded_at,
              partition, record_offset, calls_this_hour, is_claimed)
 CROSS JOIN LATERAL (SELECT is_claimed
                            AND NOT (caller_kind = 'Agent'
                                     AND EXISTS (SELECT FROM brainops.saga_switch AS switch
                                                  WHERE switch.is_stopped AND switch.agent IN ('*', caller_name))) AS takes)
 ORDER BY source, id
    ON CONFLICT (source, id) DO NOTHING
RETURNING {columns}
