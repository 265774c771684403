-- What is this server, and who are we there?
SELECT
    current_setting('server_version') AS version,                           -- text
    current_setting('server_version_num')::integer AS version_number,       -- int4
    r.rolname::text AS role,                                                -- text
    r.rolsuper AS is_superuser,                                             -- bool
    r.rolbypassrls AS bypasses_rows,                                        -- bool
    current_setting('synchronous_commit') AS synchronous_commit,            -- text
    current_setting('fsync') AS fsync,                                      -- text
    current_setting('full_page_writes') AS full_page_writes,                -- text
    pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only -- bool
FROM pg_roles AS r
WHERE r.rolname = current_user
