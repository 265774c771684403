SELECT correlation, number, input::text AS input
  FROM brainops.saga_kept
 WHERE agent = $1 AND correlation = ANY ($2)
 ORDER BY correlation, number
