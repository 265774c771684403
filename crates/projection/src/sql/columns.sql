-- Every column of a schema's tables, with what the catalog knows about it.
SELECT columns.table_name::text AS table_name,
       columns.column_name::text AS column_name,
       columns.udt_name::text AS type_name,
       columns.is_nullable = 'YES' AS nullable,
       col_description(class.oid, columns.ordinal_position::integer) AS comment,
       coalesce(columns.ordinal_position = ANY (keys.conkey), false) AS in_key
  FROM information_schema.columns AS columns
  JOIN pg_catalog.pg_namespace AS namespace
    ON namespace.nspname = columns.table_schema
  JOIN pg_catalog.pg_class AS class
    ON class.relnamespace = namespace.oid
   AND class.relname = columns.table_name
   AND NOT class.relispartition -- a month of a table repeats what the table says
  LEFT JOIN pg_catalog.pg_constraint AS keys
    ON keys.conrelid = class.oid
   AND keys.contype = 'p'
 WHERE columns.table_schema = $1
 ORDER BY columns.table_name, columns.ordinal_position
