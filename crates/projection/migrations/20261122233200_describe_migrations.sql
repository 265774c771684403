-- The table was made by the tool that runs these files; it gets its comments here, like every other.
COMMENT ON TABLE brainops.projection_migration IS 'Migrations of the tables that belong to the running of read models.';
COMMENT ON COLUMN brainops.projection_migration.version IS 'UTC time stamp in the name of the file.';
COMMENT ON COLUMN brainops.projection_migration.description IS 'Name of the file, without the stamp.';
COMMENT ON COLUMN brainops.projection_migration.installed_on IS 'When it was applied.';
COMMENT ON COLUMN brainops.projection_migration.success IS 'Whether it was applied to its end.';
COMMENT ON COLUMN brainops.projection_migration.checksum IS 'SHA-384 of the file.';
COMMENT ON COLUMN brainops.projection_migration.execution_time IS 'How long it took, in nanoseconds.';
