-- Claims the task whose turn it is, of the kinds $1, for the worker $2, for $3 seconds. Those that somebody else is just
-- claiming are passed over. A worker that is still named has let its lease run out. The epoch is the microsecond of the
-- claim, or the next number: higher than any before, those too that this table has forgotten when it was made again.
WITH next AS MATERIALIZED (
    SELECT found.source, found.id, found.has_lapsed
      FROM unnest($1::text[]) AS wanted (kind)
     CROSS JOIN LATERAL (
        SELECT source, id, turn_at, worker IS NOT NULL AS has_lapsed
          FROM brainops.task
         WHERE kind = wanted.kind AND state = 'open' AND ready_at <= statement_timestamp()
         ORDER BY turn_at, source, id
         LIMIT 1
           FOR UPDATE SKIP LOCKED
     ) AS found
     ORDER BY found.turn_at, found.source, found.id
     LIMIT 1
)
UPDATE brainops.task AS task
   SET epoch = greatest(task.epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
       lapses = task.lapses + next.has_lapsed::integer,
       worker = $2,
       ready_at = statement_timestamp() + make_interval(secs => $3)
  FROM next
 WHERE task.source = next.source AND task.id = next.id
RETURNING {columns}, next.has_lapsed
