-- What each table and column of tasks means.
COMMENT ON TABLE brainops.task IS 'One row per task of the topic agent. All but its last four columns follows from the log.';
COMMENT ON COLUMN brainops.task.source IS 'Source of the event that is the task.';
COMMENT ON COLUMN brainops.task.id IS 'Id of that event.';
COMMENT ON COLUMN brainops.task.kind IS 'What kind of task it is: its type without agent.task. Null while only what became of it was read.';
COMMENT ON COLUMN brainops.task.subject IS 'Subject of the task, and of what is said about it.';
COMMENT ON COLUMN brainops.task.correlation_id IS 'Correlation id of the task.';
COMMENT ON COLUMN brainops.task.priority IS 'low, normal, high, urgent.';
COMMENT ON COLUMN brainops.task.payload IS 'What is to be done, as JSON text as it was said, while the task is open; sealed values stay sealed. Later it is read in the log.';
COMMENT ON COLUMN brainops.task.recorded_at IS 'When the log recorded it.';
COMMENT ON COLUMN brainops.task.topic IS 'Full name of its topic.';
COMMENT ON COLUMN brainops.task.partition IS 'Number of its partition.';
COMMENT ON COLUMN brainops.task.record_offset IS 'Its offset.';
COMMENT ON COLUMN brainops.task.turn_at IS 'Its place in the order of its kind: when it was recorded, less the head start of its priority.';
COMMENT ON COLUMN brainops.task.state IS 'open, abandoned, cancelled, completed. Of two ends that the log tells, the later in this list counts.';
COMMENT ON COLUMN brainops.task.failures IS 'How many failures of it were said.';
COMMENT ON COLUMN brainops.task.retry_at IS 'When it may be handed out again after the last of them.';
COMMENT ON COLUMN brainops.task.ended_at IS 'When the log recorded its end; null until that was read.';
COMMENT ON COLUMN brainops.task.ended_partition IS 'Number of the partition where its end stands.';
COMMENT ON COLUMN brainops.task.ended_offset IS 'The offset of its end.';
COMMENT ON COLUMN brainops.task.epoch IS 'Number of its last claim, the only one that counts: the microsecond of it by the clock of Postgres, or the number after that of the claim before.';
COMMENT ON COLUMN brainops.task.worker IS 'Who has it, or had it until its lease ran out or it ended; null when it was given back.';
COMMENT ON COLUMN brainops.task.ready_at IS 'When it may be handed out, by the clock of Postgres: for a claimed one the end of its lease.';
COMMENT ON COLUMN brainops.task.lapses IS 'How many leases of it ran out.';

COMMENT ON TABLE brainops.task_unreadable IS 'One row per record of the topic agent that cannot be read, or lies where its key does not belong: whether it is a task, nobody can say.';
COMMENT ON COLUMN brainops.task_unreadable.topic IS 'Full name of its topic.';
COMMENT ON COLUMN brainops.task_unreadable.partition IS 'Number of its partition.';
COMMENT ON COLUMN brainops.task_unreadable.record_offset IS 'Its offset.';
COMMENT ON COLUMN brainops.task_unreadable.reason IS 'unreadable, misplaced.';

COMMENT ON TABLE brainops.task_checkpoint IS 'One row per partition of the topic agent: how far it is followed, and whose it is.';
COMMENT ON COLUMN brainops.task_checkpoint.topic IS 'Full name of the topic.';
COMMENT ON COLUMN brainops.task_checkpoint.partition IS 'Number of the partition.';
COMMENT ON COLUMN brainops.task_checkpoint.topic_id IS 'Id of the topic when it was first followed: a topic made again has another.';
COMMENT ON COLUMN brainops.task_checkpoint.next_offset IS 'The first offset that is not taken.';
COMMENT ON COLUMN brainops.task_checkpoint.epoch IS 'How often the partition was taken over; an older owner moves nothing.';
COMMENT ON COLUMN brainops.task_checkpoint.last_digest IS 'Digest of the record before next_offset, if it is known.';
COMMENT ON COLUMN brainops.task_checkpoint.last_recorded_at IS 'When that record was recorded.';
COMMENT ON COLUMN brainops.task_checkpoint.updated_at IS 'When it was moved or taken over last, by the clock of Postgres.';

COMMENT ON TABLE brainops.task_migration IS 'Migrations of the tables of tasks.';
COMMENT ON COLUMN brainops.task_migration.version IS 'UTC time stamp in the name of the file.';
COMMENT ON COLUMN brainops.task_migration.description IS 'Name of the file, without the stamp.';
COMMENT ON COLUMN brainops.task_migration.installed_on IS 'When it was applied.';
COMMENT ON COLUMN brainops.task_migration.success IS 'Whether it was applied to its end.';
COMMENT ON COLUMN brainops.task_migration.checksum IS 'SHA-384 of the file.';
COMMENT ON COLUMN brainops.task_migration.execution_time IS 'How long it took, in nanoseconds.';
