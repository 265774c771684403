-- Tasks for people, in the order of their turns; $1 kind, $2 state (none: open; all), $3 and $4 after this one, $5 how many.
SELECT {columns}
  FROM brainops.task AS task
 WHERE kind IS NOT NULL
   AND ($1::text IS NULL OR kind = $1)
   AND CASE WHEN $2::text IS NULL THEN state = 'open' WHEN $2 = 'all' THEN true ELSE state = $2 END
   AND ($3::text IS NULL
        OR (turn_at, source, id) > (SELECT turn_at, source, id FROM brainops.task WHERE source = $3 AND id = $4))
 ORDER BY turn_at, source, id
 LIMIT $5
