-- How many sagas each agent has, by status.
SELECT agent, status, count(*) AS sagas, sum(kept)::bigint AS kept, min(last_input_at) AS oldest_input_at
  FROM brainops.saga
 WHERE revision > 0
 GROUP BY agent, status
 ORDER BY agent, status
