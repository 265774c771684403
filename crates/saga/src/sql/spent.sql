-- What agents have spent of their budgets in this hour, and how many sagas wait for a later one.
SELECT agent, coalesce(spent.actions, 0) AS actions, coalesce(spent.cost, 0) AS cost, coalesce(held.waiting, 0) AS waiting
  FROM (SELECT agent, actions, cost
          FROM brainops.saga_spent
         WHERE hour = date_trunc('hour', brainops.saga_clock())) AS spent
  FULL JOIN (SELECT agent, count(*) AS waiting FROM brainops.saga_over_budget GROUP BY agent) AS held USING (agent)
 ORDER BY agent
