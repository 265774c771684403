-- The views, tables and functions of a schema in the order in which they can be dropped, each on its own: what was made
-- last goes first, for nothing names what is made after it.
SELECT held.target, held.kind
  FROM (SELECT class.oid,
               format('%I.%I', namespace.nspname, class.relname) AS target,
               CASE class.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind
          FROM pg_catalog.pg_class AS class
          JOIN pg_catalog.pg_namespace AS namespace
            ON namespace.oid = class.relnamespace
         WHERE namespace.nspname = $1
           AND class.relkind IN ('r', 'p', 'v', 'm')
        UNION ALL
        SELECT routine.oid,
               format('%I.%I(%s)', namespace.nspname, routine.proname, pg_get_function_identity_arguments(routine.oid)),
               'ROUTINE'
          FROM pg_catalog.pg_proc AS routine
          JOIN pg_catalog.pg_namespace AS namespace
            ON namespace.oid = routine.pronamespace
         WHERE namespace.nspname = $1) AS held
 ORDER BY held.oid::bigint DESC
