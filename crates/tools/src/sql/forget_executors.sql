-- Executors that ended a day ago and left nothing.
DELETE FROM brainops.tool_executor AS executor
 WHERE ended_at < clock_timestamp() - interval '1 day'
   AND NOT EXISTS (SELECT FROM brainops.tool_call AS call
                    WHERE call.executor = executor.executor AND call.state = 'claimed')
