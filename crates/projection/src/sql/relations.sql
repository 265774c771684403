-- The tables and views of a schema in the order in which they can be dropped, each on its own: views, then the months of
-- tables, then tables.
SELECT class.relname::text AS name,
       CASE class.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace
    ON namespace.oid = class.relnamespace
 WHERE namespace.nspname = $1
   AND class.relkind IN ('r', 'p', 'v', 'm')
 ORDER BY class.relkind IN ('v', 'm') DESC, class.relispartition DESC, class.relname
