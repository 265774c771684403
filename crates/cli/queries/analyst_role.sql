-- How is the analysts' role made or given its password? One statement, with names and texts quoted by Postgres.
--
-- $1 text  name of the role
-- $2 text  verifier of its password, never the password itself: statements can end up in logs
SELECT
    CASE WHEN EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = $1) THEN 'found' ELSE 'made' END AS role, -- text
    format(
        CASE
            WHEN EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = $1) THEN 'ALTER ROLE %I LOGIN PASSWORD %L'
            ELSE 'CREATE ROLE %I LOGIN NOINHERIT CONNECTION LIMIT 20 PASSWORD %L'
        END,
        $1, $2
    ) AS statement -- text
