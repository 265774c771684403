-- How many subjects are parked, how many of them within the last minute or since somebody let the generation go on.
SELECT count(parked.topic) AS parked,
       count(*) FILTER (WHERE parked.parked_at > greatest(now() - interval '1 minute', known.resumed_at)) AS recent,
       coalesce(known.resumed_at > now() - interval '1 minute', false) AS resumed
  FROM brainops.generation AS known
  LEFT JOIN {generation}.parked AS parked
    ON lower(parked.reason_code) <> 'misplaced'
   AND parked.topic <> $3
 WHERE known.read_model = $1
   AND known.generation = $2
 GROUP BY known.resumed_at
