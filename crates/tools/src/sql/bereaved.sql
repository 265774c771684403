-- Executors that have ended with calls in their hands, and for how many seconds.
SELECT executor.executor, executor.host, executor.boot, executor.pid_namespace, executor.pid, executor.start_ticks,
       extract(epoch FROM clock_timestamp() - executor.ended_at)::float8 AS ended_for
  FROM brainops.tool_executor AS executor
 WHERE executor.ended_at IS NOT NULL
   AND EXISTS (SELECT FROM brainops.tool_call AS call
                WHERE call.executor = executor.executor AND call.state = 'claimed')
 ORDER BY executor.executor
