-- Whether a timer is due whose agent is not stopped.
SELECT EXISTS (
    SELECT
      FROM brainops.saga_timer AS timer
     WHERE deadline <= brainops.saga_clock()
       AND NOT EXISTS (SELECT FROM brainops.saga_switch AS switch
                        WHERE switch.is_stopped AND switch.agent IN ('*', timer.agent))
)
