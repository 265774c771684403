-- Views of a schema, other than its base views, that read something outside of it: they would go on reading an old
-- generation after the base views have been pointed at a new one.
SELECT DISTINCT view.relname::text AS view_name, format('%I.%I', source_namespace.nspname, source.relname) AS source_name
  FROM pg_catalog.pg_class AS view
  JOIN pg_catalog.pg_namespace AS namespace
    ON namespace.oid = view.relnamespace
  JOIN pg_catalog.pg_rewrite AS rule
    ON rule.ev_class = view.oid
  JOIN pg_catalog.pg_depend AS dependency
    ON dependency.classid = 'pg_catalog.pg_rewrite'::regclass
   AND dependency.objid = rule.oid
   AND dependency.refclassid = 'pg_catalog.pg_class'::regclass
  JOIN pg_catalog.pg_class AS source
    ON source.oid = dependency.refobjid
   AND source.oid <> view.oid
  JOIN pg_catalog.pg_namespace AS source_namespace
    ON source_namespace.oid = source.relnamespace
 WHERE namespace.nspname = $1
   AND view.relkind IN ('v', 'm')
   AND NOT view.relname = ANY ($2)
   AND source_namespace.nspname NOT IN ($1, 'pg_catalog', 'information_schema')
 ORDER BY view_name, source_name
