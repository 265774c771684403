-- Tables, views and their columns without a comment; a partition is what its table says.
SELECT format('%I.%I', namespace.nspname, class.relname) AS name
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace
    ON namespace.oid = class.relnamespace
 WHERE namespace.nspname = ANY ($1)
   AND class.relkind IN ('r', 'p', 'v', 'm')
   AND NOT class.relispartition
   AND coalesce(obj_description(class.oid, 'pg_class'), '') = ''
UNION ALL
SELECT format('%I.%I.%I', namespace.nspname, class.relname, attribute.attname)
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace
    ON namespace.oid = class.relnamespace
  JOIN pg_catalog.pg_attribute AS attribute
    ON attribute.attrelid = class.oid
   AND attribute.attnum > 0
   AND NOT attribute.attisdropped
 WHERE namespace.nspname = ANY ($1)
   AND class.relkind IN ('r', 'p', 'v', 'm')
   AND NOT class.relispartition
   AND coalesce(col_description(class.oid, attribute.attnum), '') = ''
 ORDER BY name
