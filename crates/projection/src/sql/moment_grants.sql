-- The statements that let everybody who may read the views of read model $1 read schema $2 as well.
SELECT format(grants.template, $2, roles.role) AS statement
  FROM (SELECT DISTINCT pg_catalog.pg_get_userbyid(granted.grantee)::text AS role
          FROM pg_catalog.pg_namespace AS namespace
         CROSS JOIN LATERAL pg_catalog.aclexplode(namespace.nspacl) AS granted
         WHERE namespace.nspname = $1
           AND granted.privilege_type = 'USAGE'
           AND granted.grantee <> 0
           AND granted.grantee <> namespace.nspowner) AS roles
 CROSS JOIN (VALUES (1, 'GRANT USAGE ON SCHEMA %1$I TO %2$I'),
                    (2, 'GRANT SELECT ON ALL TABLES IN SCHEMA %1$I TO %2$I'),
                    (3, 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA %1$I TO %2$I')) AS grants (step, template)
 ORDER BY roles.role, grants.step
