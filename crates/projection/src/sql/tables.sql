-- Every table of a schema, its comment, and the column that it is partitioned by.
SELECT class.relname::text AS table_name,
       obj_description(class.oid, 'pg_class') AS comment,
       partition_column.attname::text AS partitioned_by
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace
    ON namespace.oid = class.relnamespace
  LEFT JOIN pg_catalog.pg_partitioned_table AS partitioned
    ON partitioned.partrelid = class.oid
   AND partitioned.partstrat = 'r'
   AND partitioned.partnatts = 1
  LEFT JOIN pg_catalog.pg_attribute AS partition_column
    ON partition_column.attrelid = class.oid
   AND partition_column.attnum = partitioned.partattrs[0]
 WHERE namespace.nspname = $1
   AND class.relkind IN ('r', 'p')
   AND NOT class.relispartition
 ORDER BY class.relname
