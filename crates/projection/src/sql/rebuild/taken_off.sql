-- Constraints and indexes of the read model's own tables in a schema, with the statements that take each off and put
-- it back. Those of partitions follow their tables. CHECK and NOT NULL stay: rows are held against them as they come.
SELECT 0 AS rank,
       format('%I.%I', namespace.nspname, class.relname) AS table_name,
       held.conname::text AS name,
       format('ALTER TABLE %I.%I DROP CONSTRAINT %I', namespace.nspname, class.relname, held.conname) AS take_off,
       format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', namespace.nspname, class.relname, held.conname,
              pg_get_constraintdef(held.oid)) AS put_back
  FROM pg_catalog.pg_constraint AS held
  JOIN pg_catalog.pg_class AS class
    ON class.oid = held.conrelid
   AND NOT class.relispartition
  JOIN pg_catalog.pg_namespace AS namespace
    ON namespace.oid = class.relnamespace
 WHERE namespace.nspname = $1
   AND class.relname <> ALL ($2)
   AND held.contype IN ('p', 'u', 'x')
UNION ALL
SELECT 1,
       format('%I.%I', namespace.nspname, class.relname),
       own.relname::text,
       format('DROP INDEX %I.%I', namespace.nspname, own.relname),
       pg_get_indexdef(own.oid)
  FROM pg_catalog.pg_index AS index
  JOIN pg_catalog.pg_class AS own
    ON own.oid = index.indexrelid
  JOIN pg_catalog.pg_class AS class
    ON class.oid = index.indrelid
   AND NOT class.relispartition
  JOIN pg_catalog.pg_namespace AS namespace
    ON namespace.oid = class.relnamespace
 WHERE namespace.nspname = $1
   AND class.relname <> ALL ($2)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS held WHERE held.conindid = own.oid)
 ORDER BY table_name, rank, name
