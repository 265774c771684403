-- What is stopped: all agents first, then single ones.
SELECT agent, number, decided_by, reason, decided_at
  FROM brainops.saga_switch
 WHERE is_stopped
 ORDER BY agent <> '*', agent
