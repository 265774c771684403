-- Which of these tables does the schema brainops lack?
--
-- $1 text[]  names of tables
SELECT asked.name -- text
FROM unnest($1::text[]) AS asked (name)
WHERE to_regclass(format('brainops.%I', asked.name)) IS NULL
ORDER BY asked.name
