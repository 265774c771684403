-- What each table and column of sagas means.
COMMENT ON TABLE brainops.saga IS 'One row per correlation that an agent has had a saga about: the newest of them.';
COMMENT ON COLUMN brainops.saga.agent IS 'Name of the agent.';
COMMENT ON COLUMN brainops.saga.correlation IS 'What the saga is about: an opaque id.';
COMMENT ON COLUMN brainops.saga.run IS 'Which saga of this correlation it is, from 1.';
COMMENT ON COLUMN brainops.saga.version IS 'Version of the agent that it is on.';
COMMENT ON COLUMN brainops.saga.revision IS 'How many transactions this correlation has had; each is a saga.reacted in the log.';
COMMENT ON COLUMN brainops.saga.phase IS 'early (inputs wait for it to begin), running, compensating, ended.';
COMMENT ON COLUMN brainops.saga.status IS 'The phase, or parked, or paused.';
COMMENT ON COLUMN brainops.saga.state IS 'What the agent remembers, as JSON in one form only. What is sealed in events is sealed here.';
COMMENT ON COLUMN brainops.saga.book IS 'What the runtime remembers: correlation id, timers, steps with their undo, what it waits for and since when, where it is parked, its outcome.';
COMMENT ON COLUMN brainops.saga.kept IS 'How many inputs wait for it in brainops.saga_kept.';
COMMENT ON COLUMN brainops.saga.last_input_at IS 'When the log recorded its last input.';

COMMENT ON TABLE brainops.saga_inbox IS 'One row per input that a saga has taken: it is never taken again.';
COMMENT ON COLUMN brainops.saga_inbox.input IS 'First 16 bytes of SHA-256 over agent, correlation, source and id of the event, each with its length before it.';
COMMENT ON COLUMN brainops.saga_inbox.agent IS 'Name of the agent.';

COMMENT ON TABLE brainops.saga_kept IS 'One row per input that waits for its saga: until it is waited for, or while the saga is paused or parked.';
COMMENT ON COLUMN brainops.saga_kept.agent IS 'Name of the agent.';
COMMENT ON COLUMN brainops.saga_kept.correlation IS 'What the saga is about.';
COMMENT ON COLUMN brainops.saga_kept.number IS 'Place in the order in which inputs came to the saga.';
COMMENT ON COLUMN brainops.saga_kept.input IS 'The event as it stands in the log: position, headers, data (of a schema of the catalog: its name and the datum in base64).';

COMMENT ON TABLE brainops.saga_timer IS 'One row per timer that is set and has not fired.';
COMMENT ON COLUMN brainops.saga_timer.setting IS 'Id of the setting: the same timer set again has another.';
COMMENT ON COLUMN brainops.saga_timer.agent IS 'Name of the agent.';
COMMENT ON COLUMN brainops.saga_timer.correlation IS 'What the saga is about.';
COMMENT ON COLUMN brainops.saga_timer.run IS 'Which saga of this correlation it is of.';
COMMENT ON COLUMN brainops.saga_timer.name IS 'Name of the timer within the saga.';
COMMENT ON COLUMN brainops.saga_timer.deadline IS 'When it is due, by the clock of Postgres.';

COMMENT ON TABLE brainops.saga_unrouted IS 'One row per record of which nobody can say whom it concerns.';
COMMENT ON COLUMN brainops.saga_unrouted.agent IS 'Name of the agent that came upon it.';
COMMENT ON COLUMN brainops.saga_unrouted.topic IS 'Full name of its topic.';
COMMENT ON COLUMN brainops.saga_unrouted.partition IS 'Number of its partition.';
COMMENT ON COLUMN brainops.saga_unrouted.record_offset IS 'Its offset.';
COMMENT ON COLUMN brainops.saga_unrouted.reason_class IS 'refused, panicked, misplaced, unreadable.';
COMMENT ON COLUMN brainops.saga_unrouted.code IS 'What the code calls it.';
COMMENT ON COLUMN brainops.saga_unrouted.found_at IS 'When it was come upon, by the clock of Postgres.';

COMMENT ON TABLE brainops.saga_checkpoint IS 'One row per partition that an agent follows: how far it is, and whose it is.';
COMMENT ON COLUMN brainops.saga_checkpoint.agent IS 'Name of the agent.';
COMMENT ON COLUMN brainops.saga_checkpoint.topic IS 'Full name of the topic.';
COMMENT ON COLUMN brainops.saga_checkpoint.partition IS 'Number of the partition.';
COMMENT ON COLUMN brainops.saga_checkpoint.topic_id IS 'Id of the topic when it was first followed: a topic made again has another.';
COMMENT ON COLUMN brainops.saga_checkpoint.next_offset IS 'The first offset that is not taken.';
COMMENT ON COLUMN brainops.saga_checkpoint.epoch IS 'How often the partition was taken over; an older owner moves nothing.';
COMMENT ON COLUMN brainops.saga_checkpoint.last_digest IS 'Digest of the record before next_offset, if it is known.';
COMMENT ON COLUMN brainops.saga_checkpoint.last_recorded_at IS 'When that record was recorded.';
COMMENT ON COLUMN brainops.saga_checkpoint.updated_at IS 'When it was moved or taken over last, by the clock of Postgres.';

COMMENT ON TABLE brainops.saga_migration IS 'Migrations of the tables of sagas.';
COMMENT ON COLUMN brainops.saga_migration.version IS 'UTC time stamp in the name of the file.';
COMMENT ON COLUMN brainops.saga_migration.description IS 'Name of the file, without the stamp.';
COMMENT ON COLUMN brainops.saga_migration.installed_on IS 'When it was applied.';
COMMENT ON COLUMN brainops.saga_migration.success IS 'Whether it was applied to its end.';
COMMENT ON COLUMN brainops.saga_migration.checksum IS 'SHA-384 of the file.';
COMMENT ON COLUMN brainops.saga_migration.execution_time IS 'How long it took, in nanoseconds.';
