-- Takes timers that are due, the earliest first; those that somebody else is firing are left to them, those of agents
-- that are stopped wait.
WITH due AS MATERIALIZED (
    SELECT setting
      FROM brainops.saga_timer AS timer
     WHERE deadline <= brainops.saga_clock()
       AND NOT EXISTS (SELECT FROM brainops.saga_switch AS switch
                        WHERE switch.is_stopped AND switch.agent IN ('*', timer.agent))
     ORDER BY deadline
     LIMIT $1
       FOR UPDATE OF timer SKIP LOCKED
)
DELETE FROM brainops.saga_timer AS timer
 USING due
 WHERE timer.setting = due.setting
RETURNING timer.setting, timer.agent, timer.correlation, timer.run, timer.name, timer.deadline,
          (SELECT saga.book ->> 'correlation_id'
             FROM brainops.saga AS saga
            WHERE saga.agent = timer.agent
              AND saga.correlation = timer.correlation) AS flow,
          brainops.saga_clock() AS now,
          extract(epoch FROM brainops.saga_clock() - timer.deadline)::double precision AS delay_s
