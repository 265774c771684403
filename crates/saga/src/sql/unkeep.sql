DELETE FROM brainops.saga_kept AS kept
 USING unnest($2::text[], $3::bigint[]) AS gone (correlation, number)
 WHERE kept.agent = $1 AND kept.correlation = gone.correlation AND kept.number = gone.number
