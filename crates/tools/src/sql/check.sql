-- Whether a claim still counts: the call's number is the claim's, and its executor has not been ended nor is about to be.
SELECT EXISTS (
    SELECT FROM brainops.tool_call AS call
      JOIN brainops.tool_executor AS executor USING (executor)
     WHERE call.source = $1 AND call.id = $2 AND call.epoch = $3 AND call.executor = $4 AND call.state = 'claimed'
       AND executor.ended_at IS NULL AND executor.lease_until > clock_timestamp())
