-- Locks the shard in this epoch, in a transaction whose commit need not reach the disk.
SELECT set_config('synchronous_commit', 'off', true)
FROM brainops.outbox_shard
WHERE shard = $1 AND epoch = $2
FOR UPDATE
