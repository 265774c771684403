-- The instances of these correlations, behind their row locks; locked in one order by everybody.
SELECT correlation, run, version, revision, phase, state::text AS state, book::text AS book, kept, last_input_at
  FROM brainops.saga
 WHERE agent = $1 AND correlation = ANY ($2)
 ORDER BY correlation
   FOR UPDATE
