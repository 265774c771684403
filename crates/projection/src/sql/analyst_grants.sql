-- The statements that let role $1 read every installed read model, and nothing else. Schemas of read models hold
-- only views and functions, so "all tables" there are views.
SELECT format(grants.template, installed.read_model, $1) AS statement
  FROM (SELECT DISTINCT read_model FROM brainops.generation WHERE state = 'serving') AS installed
 CROSS JOIN (VALUES (1, 'GRANT USAGE ON SCHEMA %1$I TO %2$I'),
                    (2, 'GRANT SELECT ON ALL TABLES IN SCHEMA %1$I TO %2$I'),
                    (3, 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA %1$I TO %2$I')) AS grants (step, template)
 ORDER BY installed.read_model, grants.step
