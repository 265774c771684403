-- What each table and column of the outbox means.
COMMENT ON SEQUENCE brainops.outbox_number IS 'Numbers the rows of the outbox; gaps mean nothing.';

COMMENT ON TABLE brainops.reservation IS 'One row per event that was said through the platform or found in the log by the relay: it names an event once and for ever.';
COMMENT ON COLUMN brainops.reservation.source IS 'Source of the event.';
COMMENT ON COLUMN brainops.reservation.id IS 'Id of the event within its source.';
COMMENT ON COLUMN brainops.reservation.digest IS 'First 16 bytes of SHA-256 over type, subject, schema name and datum, each with its length before it. The same name with another digest is a conflict.';
COMMENT ON COLUMN brainops.reservation.outbox_id IS 'Its row in the outbox as long as there is one.';
COMMENT ON COLUMN brainops.reservation.topic IS 'Full name of the topic that it stands in or goes to.';
COMMENT ON COLUMN brainops.reservation.partition IS 'Number of the partition.';
COMMENT ON COLUMN brainops.reservation.log_offset IS 'Offset of its first record, once its outbox row is gone; null before.';
COMMENT ON COLUMN brainops.reservation.recorded_at IS 'When Kafka recorded it, as far as log_offset is known.';

COMMENT ON TABLE brainops.outbox IS 'One row per event on its way to Kafka, and for 7 days after.';
COMMENT ON COLUMN brainops.outbox.outbox_id IS 'Number of the row, from brainops.outbox_number. A row may be committed after one with a higher number.';
COMMENT ON COLUMN brainops.outbox.shard IS 'Shard whose relay sends it: partition modulo the number of shards.';
COMMENT ON COLUMN brainops.outbox.topic IS 'Full name of the topic.';
COMMENT ON COLUMN brainops.outbox.partition IS 'Number of the partition: murmur2 of the key.';
COMMENT ON COLUMN brainops.outbox.bytes IS 'Bytes of key, headers and value together.';
COMMENT ON COLUMN brainops.outbox.send_no IS 'Its place in the order of sending in its partition, stored before it is sent; null: not numbered.';
COMMENT ON COLUMN brainops.outbox.epoch IS 'Epoch of the shard in which it was numbered.';
COMMENT ON COLUMN brainops.outbox.log_offset IS 'Offset of its first record in the log; null: not acknowledged.';
COMMENT ON COLUMN brainops.outbox.recorded_at IS 'When Kafka recorded it.';
COMMENT ON COLUMN brainops.outbox.inserted_at IS 'When the transaction began that queued it, by the clock of Postgres.';
COMMENT ON COLUMN brainops.outbox.acked_at IS 'When its acknowledgement was stored, by the clock of Postgres.';

COMMENT ON TABLE brainops.outbox_record IS 'The record of each row of the outbox, complete as it will be sent.';
COMMENT ON COLUMN brainops.outbox_record.outbox_id IS 'Its row in brainops.outbox.';
COMMENT ON COLUMN brainops.outbox_record.source IS 'Source of the event.';
COMMENT ON COLUMN brainops.outbox_record.id IS 'Id of the event within its source.';
COMMENT ON COLUMN brainops.outbox_record.key IS 'Key of the record: the subject.';
COMMENT ON COLUMN brainops.outbox_record.headers IS 'Headers of the record in order: an array of [name, value].';
COMMENT ON COLUMN brainops.outbox_record.value IS 'Value of the record in the Confluent wire format.';

COMMENT ON TABLE brainops.outbox_shard IS 'One row per shard: a set of partitions that one relay at a time sends to.';
COMMENT ON COLUMN brainops.outbox_shard.shard IS 'Number of the shard, from 0.';
COMMENT ON COLUMN brainops.outbox_shard.shards IS 'How many shards there are; the same in every row.';
COMMENT ON COLUMN brainops.outbox_shard.holder IS 'The relay that has the lease, or had it last.';
COMMENT ON COLUMN brainops.outbox_shard.epoch IS 'How often the shard was taken. A relay of an older epoch numbers and marks nothing.';
COMMENT ON COLUMN brainops.outbox_shard.lease_until IS 'Until when nobody else may take the shard, by the clock of Postgres.';
COMMENT ON COLUMN brainops.outbox_shard.renewed_at IS 'When the lease was renewed, by the clock of Postgres; before the start of this Postgres it says nothing.';
COMMENT ON COLUMN brainops.outbox_shard.opened_epoch IS 'The last epoch in which the relay had read the end of its partitions; equal to epoch: the shard is open.';

COMMENT ON TABLE brainops.outbox_partition IS 'One row per partition of our topics: how far the relay is there.';
COMMENT ON COLUMN brainops.outbox_partition.topic IS 'Full name of the topic.';
COMMENT ON COLUMN brainops.outbox_partition.topic_id IS 'Id of the topic when the relay first saw it: a topic made again has another.';
COMMENT ON COLUMN brainops.outbox_partition.partition IS 'Number of the partition.';
COMMENT ON COLUMN brainops.outbox_partition.partitions IS 'How many partitions the topic has.';
COMMENT ON COLUMN brainops.outbox_partition.shard IS 'Shard that it belongs to.';
COMMENT ON COLUMN brainops.outbox_partition.next_send_no IS 'The next number for a row of this partition.';
COMMENT ON COLUMN brainops.outbox_partition.confirmed_send_no IS 'All rows up to this number are known to stand in the log.';
COMMENT ON COLUMN brainops.outbox_partition.read_through IS 'No unconfirmed row stands before this offset, and every event of ours before it is reserved: a new relay reads from here.';
COMMENT ON COLUMN brainops.outbox_partition.stopped_reason IS 'Why nothing is sent there, naming both sides; null: it is not stopped.';
COMMENT ON COLUMN brainops.outbox_partition.stopped_at IS 'Since when nothing is sent there.';

COMMENT ON TABLE brainops.outbox_migration IS 'Migrations of the tables of the outbox.';
COMMENT ON COLUMN brainops.outbox_migration.version IS 'UTC time stamp in the name of the file.';
COMMENT ON COLUMN brainops.outbox_migration.description IS 'Name of the file, without the stamp.';
COMMENT ON COLUMN brainops.outbox_migration.installed_on IS 'When it was applied.';
COMMENT ON COLUMN brainops.outbox_migration.success IS 'Whether it was applied to its end.';
COMMENT ON COLUMN brainops.outbox_migration.checksum IS 'SHA-384 of the file.';
COMMENT ON COLUMN brainops.outbox_migration.execution_time IS 'How long it took, in nanoseconds.';
