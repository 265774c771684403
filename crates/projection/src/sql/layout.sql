-- The columns of every table (r and p) or view (v) of a schema in their order, each with its type and its place in the
-- primary key.
SELECT class.relname::text AS table_name,
       attribute.attname::text AS column_name,
       format_type(attribute.atttypid, attribute.atttypmod) AS type_name,
       array_position(keys.conkey, attribute.attnum) AS key_place
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace
    ON namespace.oid = class.relnamespace
  JOIN pg_catalog.pg_attribute AS attribute
    ON attribute.attrelid = class.oid
   AND attribute.attnum > 0
   AND NOT attribute.attisdropped
  LEFT JOIN pg_catalog.pg_constraint AS keys
    ON keys.conrelid = class.oid
   AND keys.contype = 'p'
 WHERE namespace.nspname = $1
   AND class.relkind::text = ANY ($2)
   AND NOT class.relispartition -- a month of a table repeats what the table says
 ORDER BY class.relname, attribute.attnum
