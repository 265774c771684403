-- The statements that give the views $3 of schema $1 to everybody who may read all its views of before, $2.
SELECT format('GRANT SELECT ON %I.%I TO %s', $1, added.name, granted.grantee) AS statement
  FROM (SELECT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END AS grantee
          FROM pg_catalog.pg_class AS view
          JOIN pg_catalog.pg_namespace AS namespace
            ON namespace.oid = view.relnamespace
         CROSS JOIN LATERAL aclexplode(view.relacl) AS acl
         WHERE namespace.nspname = $1
           AND view.relname = ANY ($2)
           AND acl.privilege_type = 'SELECT'
           AND acl.grantee <> view.relowner
         GROUP BY acl.grantee
        HAVING count(DISTINCT view.oid) = cardinality($2)) AS granted
 CROSS JOIN UNNEST($3::text[]) AS added (name)
 ORDER BY statement
