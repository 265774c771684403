-- Calls that were asked for, each with its number among those of its caller in that hour of the log. Those marked in $14 are
-- claimed at once, by the executor $15; its claim has a number above that of any claim before, those too that this table has
-- forgotten; those of agents that are stopped wait. Answers with the calls that are new. Checkpoints may be moved first, and what
-- was asked for in other partitions is left out then.
WITH {moved}asked AS MATERIALIZED (
    SELECT told.*, caller_kind || '::' || caller_name AS caller, date_trunc('hour', recorded_at, 'UTC') AS hour
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                  $10::timestamptz[], $12::integer[], $13::bigint[], $14::boolean[])
           WITH ORDINALITY
        AS told (source, id, subject, correlation_id, cause_path, caller_kind, caller_name, tool, arguments, recorded_at,
                 partition, record_offset, is_claimed, place)
     {only_moved}
), counted AS (
    INSERT INTO brainops.tool_asked AS known (caller, hour, calls)
    SELECT caller, hour, count(*) FROM asked GROUP BY caller, hour ORDER BY caller, hour
        ON CONFLICT (caller, hour) DO UPDATE SET calls = known.calls + excluded.calls
    RETURNING caller, hour, calls
), fresh AS (
    INSERT INTO brainops.tool_call (source, id, subject, correlation_id, cause_path, caller_kind, caller_name, tool, arguments,
                                    recorded_at, topic, partition, record_offset, calls_this_hour, state, attempt, epoch, executor)
    SELECT source, id, subject, correlation_id, cause_path, caller_kind, caller_name, tool, arguments, recorded_at, $11,
           partition, record_offset,
           calls + 1 - row_number() OVER (PARTITION BY caller, hour ORDER BY place DESC),
           CASE WHEN takes THEN 'claimed' ELSE 'waiting' END, takes::integer,
           CASE WHEN takes THEN (extract(epoch FROM clock_timestamp()) * 1000000)::bigint ELSE 0 END,
           CASE WHEN takes THEN $15 END
      FROM asked
      JOIN counted USING (caller, hour)
     CROSS JOIN LATERAL (SELECT is_claimed
                                AND NOT (caller_kind = 'Agent'
                                         AND EXISTS (SELECT FROM brainops.saga_switch AS switch
                                                      WHERE switch.is_stopped AND switch.agent IN ('*', caller_name))) AS takes)
     ORDER BY source, id
        ON CONFLICT (source, id) DO NOTHING
    RETURNING {columns}
)
{answer}
