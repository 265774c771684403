-- The statements that give the base views the comments of the tables behind them.
SELECT format('COMMENT ON VIEW %I.%I IS %L', $2, class.relname, obj_description(class.oid, 'pg_class')) AS statement
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace
    ON namespace.oid = class.relnamespace
 WHERE namespace.nspname = $1
   AND class.relname = ANY ($3)
UNION ALL
SELECT format('COMMENT ON COLUMN %I.%I.%I IS %L', $2, class.relname, attribute.attname,
              col_description(class.oid, attribute.attnum))
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace
    ON namespace.oid = class.relnamespace
  JOIN pg_catalog.pg_attribute AS attribute
    ON attribute.attrelid = class.oid
   AND attribute.attnum > 0
   AND NOT attribute.attisdropped
 WHERE namespace.nspname = $1
   AND class.relname = ANY ($3)
