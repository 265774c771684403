-- Reduces sagas that ended longer ago than $1 seconds to what the next one of their correlation needs, up to a bound.
WITH old AS MATERIALIZED (
    SELECT agent, correlation
      FROM brainops.saga
     WHERE ended_at < brainops.saga_clock() - $1 * interval '1 second'
     ORDER BY ended_at
     LIMIT $2
       FOR UPDATE SKIP LOCKED
)
UPDATE brainops.saga AS saga
   SET state = 'null', ended_at = NULL,
       book = format('{"beginning":null,"correlation_id":%s,"next_kept":%s,"outcome":%s,"parked":null,"paused":false,"steps":[],"timers":{},"waits":[]}',
                     (saga.book -> 'correlation_id')::text, saga.book ->> 'next_kept', coalesce((saga.book -> 'outcome')::text, 'null'))::json
  FROM old
 WHERE saga.agent = old.agent AND saga.correlation = old.correlation
