-- Whether a claim still counts: the call's number is the claim's, and its executor has not been ended nor is about to be. And
-- whether the agent $5 is stopped; none: it is no agent who asks. The switch is held while it is looked at, so that after the
-- answer to a stop nobody reads that the agent may go on.
SELECT EXISTS (
    SELECT FROM brainops.tool_call AS call
      JOIN brainops.tool_executor AS executor USING (executor)
     WHERE call.source = $1 AND call.id = $2 AND call.epoch = $3 AND call.executor = $4 AND call.state = 'claimed'
       AND executor.ended_at IS NULL AND executor.lease_until > clock_timestamp()) AS counts,
       CASE WHEN $5::text IS NULL THEN false ELSE brainops.saga_hold_switch($5) END AS is_stopped
