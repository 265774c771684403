-- What the log says of calls: that they were started (the highest attempt counts), and that they have ended (the first end counts).
-- A word of the one kind leaves alone what the other says. Checkpoints may be moved first, and nothing is written where none moves.
WITH {moved}folded AS (
    UPDATE brainops.tool_call AS call
       SET started_attempt = greatest(call.started_attempt, told.attempt),
           attempt = greatest(call.attempt, told.attempt),
           epoch = greatest(call.epoch, told.epoch),
           state = CASE WHEN told.state IS NOT NULL AND call.ended_at IS NULL THEN told.state ELSE call.state END,
           ended_at = coalesce(call.ended_at, told.ended_at),
           arguments = CASE WHEN told.state IS NULL THEN call.arguments END
      FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::text[], $6::timestamptz[])
        AS told (source, id, attempt, epoch, state, ended_at)
     WHERE call.source = told.source AND call.id = told.id {only_moved}
)
{answer}
