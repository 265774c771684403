-- How large is the database, and all that stands in its tablespace as far as we may know?
SELECT
    pg_size_pretty(pg_database_size(d.oid)) AS database,            -- text
    pg_size_pretty(pg_tablespace_size(d.dattablespace)) AS tablespace -- text, nullable
FROM pg_database AS d
WHERE d.datname = current_database()
